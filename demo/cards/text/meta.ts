import type { CardMeta } from '../../contract.ts';
import { batchSize, choice, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Text, letter by letter',
  summary:
    'A recurrent network or a Transformer reads Shakespeare’s sonnets and learns to write its own. Begin a line for it.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="line-quiet" d="M20 78h46M20 58h58M20 38h50" />
    <path class="line-accent" d="M20 20h34" />
    <path class="line-warm" d="M60 20h22" />
    <g class="accent-dots"><path d="M96 14h11v11h-11zM96 28h11v11h-11zM110 28h11v11h-11zM124 56h11v11h-11zM138 70h11v11h-11zM110 42h11v11h-11z" /></g>`,
  controls: {
    model: choice(
      'Model',
      { RNN: 'RNN', GRU: 'GRU', LSTM: 'LSTM', Transformer: 'Transformer' },
      'Transformer',
    ),
    depth: range({ label: 'Layers', min: 1, max: 4, value: 2 }),
    hidden: range({ label: 'Width', min: 16, max: 256, value: 64, scale: 'binary' }),
    heads: range({ label: 'Heads', min: 1, max: 8, value: 4, scale: 'binary' }),
    context: range({ label: 'Context', min: 16, max: 128, value: 64, scale: 'binary' }),
    temperature: range({ label: 'Temperature', min: 0, max: 2, value: 0.7, step: 0.05, live: true }),
    topK: range({ label: 'Top k', min: 1, max: 60, value: 30, live: true }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.004),
    batch: batchSize(16, [4, 64]),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
