import type { CardMeta } from '../../contract.ts';
import { batchSize, choice, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Universal approximation',
  summary:
    'Draw a curve, and watch a ReLU network lay straight pieces along it: each joint is a unit that turns on.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="wash strong" d="M28 0h30v100H28zM84 0h26v100H84zM134 0h26v100h-26z" />
    <path class="pen pale" d="M0 62C20 20 44 12 64 34s36 56 62 44c18-8 26-30 34-48" />
    <path class="line-accent" d="M0 64L28 27 58 26 84 62 110 80 134 70 160 31" />
    <g class="warm-dots"><circle cx="28" cy="27" r="4" /><circle cx="58" cy="26" r="4" /><circle cx="84" cy="62" r="4" /><circle cx="110" cy="80" r="4" /><circle cx="134" cy="70" r="4" /></g>`,
  tiny: true,
  controls: {
    curve: choice('Curve', { sine: 'Sine', step: 'Step', noise: 'Noise' }, 'sine'),
    depth: range({ label: 'Hidden layers', min: 1, max: 4, value: 1 }),
    width: range({ label: 'Units per layer', min: 2, max: 64, value: 16, scale: 'binary' }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.01),
    batch: batchSize(128),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
