import type { CardMeta } from '../../contract.ts';
import { batchSize, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Autoencoder',
  summary:
    'Digits squeeze through a few numbers, and come back. Draw one, and see what the network keeps of it.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="wash strong" d="M52 26l22 16v16L52 74zM108 26L86 42v16l22 16z" />
    <path class="pen" d="M17 33c5-7 19-6 19 3 0 12-16 18-20 31h22" />
    <path class="pen" d="M124 33c5-7 19-6 19 3 0 12-16 18-20 31h22" opacity="0.45" />
    <g class="accent-dots"><circle cx="80" cy="40" r="3.5" /><circle cx="80" cy="50" r="3.5" /><circle cx="80" cy="60" r="3.5" /></g>`,
  controls: {
    code: range({ label: 'Code size', min: 2, max: 64, value: 8, scale: 'binary' }),
    hidden: range({ label: 'Hidden units', min: 16, max: 512, value: 128, scale: 'binary' }),
    noise: range({ label: 'Noise', min: 0, max: 1, value: 0, step: 0.05, live: true }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.003),
    batch: batchSize(64),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
