import type { CardMeta } from '../../contract.ts';
import { batchSize, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Semi-supervised learning',
  summary:
    'Thousands of digits, but few labels: first an autoencoder looks at all of them, then classifiers learn from its code.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="line-quiet" d="M24 16v66h116" />
    <path class="line-warm" d="M36 74C58 60 84 42 128 32" />
    <path class="line-accent" d="M36 50C60 36 88 28 128 25" />
    <g class="warm-dots"><circle cx="36" cy="74" r="4" /><circle cx="62" cy="58" r="4" /><circle cx="96" cy="42" r="4" /><circle cx="128" cy="32" r="4" /></g>
    <g class="accent-dots"><circle cx="36" cy="50" r="4" /><circle cx="62" cy="37" r="4" /><circle cx="96" cy="28" r="4" /><circle cx="128" cy="25" r="4" /></g>`,
  controls: {
    pretraining: range({ label: 'Autoencoder steps', min: 32, max: 4096, value: 1024, scale: 'binary' }),
    code: range({ label: 'Code size', min: 8, max: 128, value: 64, scale: 'binary' }),
    hidden: range({ label: 'Hidden units', min: 32, max: 512, value: 256, scale: 'binary' }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.002),
    batch: batchSize(64),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
