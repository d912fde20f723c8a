import { ArgumentError } from '../graph/index.ts';

/** Learning rate of step `step` (0 for the first). */
export type Schedule = (step: number) => number;

/** The same rate for all steps. */
export const constantRate =
  (rate: number): Schedule =>
  () =>
    rate;

/** rate · gamma^⌊step / every⌋. @throws ArgumentError unless `every` ≥ 1 (steps) */
export function stepDecay(rate: number, every: number, gamma = 0.1): Schedule {
  if (!(every >= 1)) throw new ArgumentError('stepDecay', 'every >= 1', every);
  return (step) => rate * gamma ** Math.floor(step / every);
}

/**
 * From `rate` to `final` along half a cosine in `steps` steps, then `final` (Loshchilov and Hutter 2017, eq. 5).
 *
 * @throws ArgumentError unless `steps` ≥ 1
 */
export function cosine(rate: number, steps: number, final = 0): Schedule {
  if (!(steps >= 1)) throw new ArgumentError('cosine', 'steps >= 1', steps);
  return (step) => final + (rate - final) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, step / steps)));
}

/**
 * A linear rise over `steps` steps, (step + 1) / steps of the rate, and then `schedule` counted from there
 * (Goyal et al. 2017, section 2.2).
 *
 * @throws ArgumentError for negative `steps`
 */
export function warmup(steps: number, schedule: Schedule): Schedule {
  if (!(steps >= 0)) throw new ArgumentError('warmup', 'steps >= 0', steps);
  return (step) => (step < steps ? (schedule(0) * (step + 1)) / steps : schedule(step - steps));
}
