import type { CardMeta } from '../../contract.ts';
import { batchSize, choice, learningRate, optimizer, range, seed } from '../../controls.ts';

const meta = {
  title: 'Generative adversarial network',
  summary:
    'One network forges digits, another learns to tell them from real ones. Watch noise become handwriting.',
  thumbnail: `
    <path class="wash" d="M0 0h160v100H0z" />
    <g class="accent-dots"><circle cx="20" cy="30" r="2.5" /><circle cx="34" cy="24" r="2.5" /><circle cx="28" cy="42" r="2.5" /><circle cx="42" cy="38" r="2.5" /><circle cx="18" cy="56" r="2.5" /><circle cx="38" cy="58" r="2.5" /><circle cx="26" cy="72" r="2.5" /><circle cx="44" cy="74" r="2.5" /></g>
    <path class="line-accent" d="M52 50h18m-6-6 6 6-6 6" />
    <path class="pen" d="M100 28c-10-5-20 2-18 12 2 9 16 9 19 0v-8c0 14 0 26-4 42" />
    <path class="line-warm" d="M124 50l8 9 14-20" />`,
  controls: {
    objective: choice('Generator minimises', { usual: '−log D', saturating: 'log(1−D)' }, 'usual'),
    latents: range({ label: 'Noise numbers', min: 2, max: 128, value: 32, scale: 'binary' }),
    hidden: range({ label: 'Hidden units', min: 16, max: 512, value: 128, scale: 'binary' }),
    optimizer: optimizer('Adam'),
    lr: learningRate(0.0005),
    batch: batchSize(64),
    seed: seed(),
  },
} satisfies CardMeta;
export default meta;
