import type { CardMeta } from '../../contract.ts';
import { batchSize, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Dates in any form',
  summary:
    'An encoder–decoder Transformer learns to translate “Wed 3 Mar 2021” and “3.3.21” into 2021-03-03. Type a date of your own.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="line-quiet" d="M22 24h10M38 24h14M58 24h24M88 24h10M104 24h34" />
    <path class="line-accent" d="M46 76h24M80 76h14M104 76h14" />
    <path class="line-warm" d="M121 30C110 50 70 50 58 70M70 30c4 18 14 24 17 40M45 30c10 24 54 18 66 40" />`,
  controls: {
    depth: range({ label: 'Layers, each side', min: 1, max: 4, value: 2 }),
    hidden: range({ label: 'Width', min: 16, max: 128, value: 64, scale: 'binary' }),
    heads: range({ label: 'Heads', min: 1, max: 8, value: 4, scale: 'binary' }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.002),
    batch: batchSize(32, [8, 128]),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
