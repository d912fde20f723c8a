import type { CardMeta } from '../../contract.ts';
import { batchSize, choice, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Points in the plane',
  summary: 'A multilayer perceptron bends its decision boundary around two classes. Add points of your own.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="wash strong" d="M0 64C22 30 46 12 78 14c34 2 52 30 36 48-11 12-32 8-32-8 0-9 9-14 15-9-18-14-44 4-39 27 5 24 42 30 72 28H0z" />
    <g class="warm-dots"><circle cx="24" cy="22" r="4" /><circle cx="44" cy="10" r="4" /><circle cx="128" cy="26" r="4" /><circle cx="142" cy="52" r="4" /><circle cx="136" cy="76" r="4" /><circle cx="76" cy="62" r="4" /><circle cx="92" cy="74" r="4" /></g>
    <g class="accent-dots"><circle cx="26" cy="66" r="4" /><circle cx="40" cy="44" r="4" /><circle cx="64" cy="26" r="4" /><circle cx="92" cy="26" r="4" /><circle cx="106" cy="44" r="4" /><circle cx="44" cy="82" r="4" /><circle cx="98" cy="56" r="4" /></g>`,
  tiny: true,
  controls: {
    data: choice('Data', { spiral: 'Spiral', moons: 'Moons', circles: 'Circles', xor: 'XOR' }, 'spiral'),
    depth: range({ label: 'Hidden layers', min: 1, max: 5, value: 3 }),
    width: range({ label: 'Units per layer', min: 2, max: 64, value: 16, scale: 'binary' }),
    activation: choice('Activation', { Tanh: 'tanh', ReLU: 'ReLU' }, 'Tanh'),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.01),
    batch: batchSize(128),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
