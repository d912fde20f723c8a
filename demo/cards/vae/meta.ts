import type { CardMeta } from '../../contract.ts';
import { batchSize, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Variational autoencoder',
  summary:
    'A VAE folds all handwritten digits into a plane. Drag over it, and see what the network imagines there.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <path class="line-quiet" d="M16 50h70M51 14v72" />
    <g class="warm-dots"><circle cx="30" cy="30" r="4" /><circle cx="42" cy="22" r="4" /><circle cx="24" cy="42" r="4" /><circle cx="40" cy="36" r="4" /><circle cx="66" cy="78" r="4" /></g>
    <g class="accent-dots"><circle cx="68" cy="32" r="4" /><circle cx="78" cy="44" r="4" /><circle cx="62" cy="44" r="4" /><circle cx="34" cy="66" r="4" /><circle cx="44" cy="76" r="4" /><circle cx="28" cy="78" r="4" /></g>
    <path class="line-accent" d="M68 32C84 22 92 34 104 42" />
    <path class="pen" d="M126 28c-19 0-17 19 0 21 18 2 18 24 0 24s-18-22 0-24c17-2 19-21 0-21z" />`,
  controls: {
    beta: range({ label: 'β', min: 0.1, max: 10, value: 1, scale: 'decimal', live: true }),
    hidden: range({ label: 'Hidden units', min: 16, max: 512, value: 128, scale: 'binary' }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.004),
    batch: batchSize(64),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
