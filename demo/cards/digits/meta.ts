import type { CardMeta } from '../../contract.ts';
import { batchSize, choice, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Handwritten digits',
  summary:
    'A network learns to read, with convolutions or without. Draw a digit, watch it decide, and see what its filters see.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="pen" d="M26 26c12 2 26 2 38-1-8 14-15 30-19 50" />
    <g class="bars-wash"><path d="M88 78v-6M98 78v-4M108 78v-9M118 78v-5M138 78v-7M148 78v-5" /></g>
    <path class="bar" d="M128 78V26" />`,
  controls: {
    network: choice('Network', { cnn: 'CNN', mlp: 'MLP' }, 'cnn'),
    channels: range({ label: 'Filters', min: 4, max: 16, value: 8, scale: 'binary' }),
    hidden: range({ label: 'Hidden units', min: 16, max: 256, value: 64, scale: 'binary' }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.002),
    batch: batchSize(64),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
