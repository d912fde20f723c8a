import type { CardMeta } from '../../contract.ts';
import { batchSize, choice, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Residual connections',
  summary:
    'Two deep networks start from the same weights. One loses its gradient on the way down; the other adds each layer to its input, and learns.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="line-quiet" d="M16 26h128M16 50h128M16 74h128" />
    <path class="line-warm" d="M20 84C50 76 104 46 140 22" />
    <path class="line-accent" d="M20 30C60 28 104 24 140 22" />
    <g class="warm-dots"><circle cx="20" cy="84" r="4" /><circle cx="44" cy="76" r="4" /><circle cx="68" cy="65" r="4" /><circle cx="92" cy="53" r="4" /><circle cx="116" cy="38" r="4" /></g>
    <g class="accent-dots"><circle cx="20" cy="30" r="4" /><circle cx="44" cy="29" r="4" /><circle cx="68" cy="27" r="4" /><circle cx="92" cy="26" r="4" /><circle cx="116" cy="24" r="4" /><circle cx="140" cy="22" r="4" /></g>`,
  controls: {
    depth: range({ label: 'Layers', min: 2, max: 32, value: 16 }),
    width: range({ label: 'Units per layer', min: 8, max: 128, value: 32, scale: 'binary' }),
    activation: choice('Activation', { ReLU: 'ReLU', Tanh: 'tanh' }, 'ReLU'),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.002),
    batch: batchSize(64),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
