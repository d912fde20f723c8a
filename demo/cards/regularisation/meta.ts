import type { CardMeta } from '../../contract.ts';
import { learningRate, range, seed } from '../../controls.ts';

const meta = {
  title: 'Regularisation',
  summary:
    'Six networks get the same few noisy points. One is free to learn them by heart; see how well each remedy keeps the others from it.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="wash strong" d="M80 64C96 40 108 36 118 46s24 12 42-6v60H80z" />
    <path class="wash strong" d="M0 70C10 70 12 40 22 40s6 26 14 26 4-48 14-48 4 40 12 40 8-18 18-18v60H0z" />
    <path class="line-warm" d="M0 70C10 70 12 40 22 40s6 26 14 26 4-48 14-48 4 40 12 40 8-18 18-18" />
    <path class="line-accent" d="M80 64C96 40 108 36 118 46s24 12 42-6" />
    <path class="line-quiet" d="M80 0v100" />
    <g class="warm-dots"><circle cx="14" cy="24" r="4" /><circle cx="36" cy="54" r="4" /><circle cx="66" cy="34" r="4" /><circle cx="94" cy="24" r="4" /><circle cx="116" cy="56" r="4" /><circle cx="146" cy="32" r="4" /></g>
    <g class="accent-dots"><circle cx="22" cy="52" r="4" /><circle cx="50" cy="30" r="4" /><circle cx="62" cy="76" r="4" /><circle cx="102" cy="66" r="4" /><circle cx="130" cy="36" r="4" /><circle cx="142" cy="74" r="4" /></g>`,
  controls: {
    lambda: range({ label: 'Penalty λ', min: 1e-4, max: 0.1, value: 0.001, scale: 'decimal', live: true }),
    dropout: range({ label: 'Dropout p', min: 0.1, max: 0.8, value: 0.5, step: 0.1 }),
    samples: range({ label: 'Samples', min: 20, max: 200, value: 50, step: 10 }),
    noise: range({ label: 'Noise', min: 0, max: 0.5, value: 0.3, step: 0.05 }),
    lr: learningRate(0.01),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
