import type { CardMeta } from '../../contract.ts';
import { choice, learningRate, seed } from '../../controls.ts';

const meta = {
  title: 'Backpropagation, number by number',
  summary:
    'Follow one example through a network of six neurons: forward to the loss, back to every weight, and on to the update.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="line-quiet" d="M28 34 66 20M28 34 66 50M28 34 66 80M28 66 66 20M28 66 66 50M28 66 66 80M66 80 102 34M66 20 102 66" />
    <path class="line-accent" d="M66 20 102 34M66 50 102 34M102 34 136 50" />
    <path class="line-warm" d="M66 50 102 66M66 80 102 66M102 66 136 50" />
    <g class="accent-dots"><circle cx="28" cy="34" r="7" /><circle cx="28" cy="66" r="7" /><circle cx="66" cy="20" r="7" /><circle cx="66" cy="50" r="7" /><circle cx="66" cy="80" r="7" /></g>
    <g class="warm-dots"><circle cx="102" cy="34" r="7" /><circle cx="102" cy="66" r="7" /><circle cx="136" cy="50" r="7" /></g>`,
  tiny: true,
  controls: {
    data: choice('Learns', { xor: 'XOR', and: 'AND', or: 'OR' }, 'xor'),
    activation: choice('Activation', { Tanh: 'tanh', Sigmoid: 'sigmoid', ReLU: 'ReLU' }, 'Tanh'),
    lr: learningRate(0.32),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
