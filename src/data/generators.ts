import { ArgumentError, HostRandom } from '../graph/index.ts';
import { Dataset } from './dataset.ts';

export interface GeneratorOptions {
  /** Number of samples. */
  rows: number;
  seed: number;
}

function requireRows(op: string, rows: number): void {
  if (!Number.isInteger(rows) || rows < 1) throw new ArgumentError(op, 'rows to be a positive integer', rows);
}

export interface HeteroscedasticOptions extends GeneratorOptions {
  /** Expectation of y at x. Default sin 2x. */
  mean?: (x: number) => number;
  /** Standard deviation of y at x, positive. Default 0.1 + x² / 10. */
  sigma?: (x: number) => number;
  /** Of x. Default [−2, 2]. */
  range?: readonly [low: number, high: number];
}

/**
 * A regression problem whose noise depends on the input: x uniform in `range`, y ~ N(mean(x), sigma(x)²) (notes 1.2).
 *
 * @returns columns x, y, and the truth at each x: mean, sigma; all f32 with rows [1]
 * @throws ArgumentError unless `rows` is a positive integer
 */
export function heteroscedastic({
  rows,
  seed,
  mean = (x) => Math.sin(2 * x),
  sigma = (x) => 0.1 + x * x * 0.1,
  range: [low, high] = [-2, 2],
}: HeteroscedasticOptions) {
  requireRows('heteroscedastic', rows);
  const random = new HostRandom(seed, 'heteroscedastic');
  const x = new Float32Array(rows);
  const y = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    x[i] = low + (high - low) * random.uniform();
    y[i] = mean(x[i]!) + sigma(x[i]!) * random.normal();
  }
  return new Dataset(
    { x, y, mean: x.map(mean), sigma: x.map(sigma) },
    { x: [1], y: [1], mean: [1], sigma: [1] },
  );
}

/** Points of the plane with their classes: x [2] f32, label i32. Classes take turns, so they are balanced. */
export type PlanePoints = Dataset<{ x: Float32Array<ArrayBuffer>; label: Int32Array<ArrayBuffer> }>;

export interface PlaneOptions extends GeneratorOptions {
  /** Standard deviation of the normal noise on both coordinates. */
  noise?: number;
}

/** `at(label, t)` for t uniform in [0, 1), plus noise. */
function points(
  op: string,
  { rows, seed, noise = 0 }: PlaneOptions,
  classes: number,
  at: (label: number, t: number) => readonly [number, number],
): PlanePoints {
  requireRows(op, rows);
  const random = new HostRandom(seed, op);
  const x = new Float32Array(2 * rows);
  const label = Int32Array.from({ length: rows }, (_, i) => i % classes);
  label.forEach((c, i) => {
    const [u, v] = at(c, random.uniform());
    x.set([u + noise * random.normal(), v + noise * random.normal()], 2 * i);
  });
  return new Dataset({ x, label }, { x: [2] });
}

/**
 * Intertwined spiral arms, one per class: radius t, angle 2π (turns · t + class / classes), t uniform in [0, 1).
 *
 * @param options `classes` 2, `turns` 1.5 and `noise` 0.02 by default
 * @throws ArgumentError unless `rows` and `classes` are positive integers
 */
export function spirals({
  classes = 2,
  turns = 1.5,
  ...options
}: PlaneOptions & { classes?: number; turns?: number }): PlanePoints {
  if (!Number.isInteger(classes) || classes < 1)
    throw new ArgumentError('spirals', 'classes to be a positive integer', classes);
  return points('spirals', { noise: 0.02, ...options }, classes, (label, t) => {
    const angle = 2 * Math.PI * (turns * t + label / classes);
    return [t * Math.cos(angle), t * Math.sin(angle)];
  });
}

/**
 * Two half circles of radius 1 that reach into each other: (cos πt, sin πt) and (1 − cos πt, ½ − sin πt).
 *
 * @param options `noise` 0.1 by default
 * @throws ArgumentError unless `rows` is a positive integer
 */
export function moons(options: PlaneOptions): PlanePoints {
  return points('moons', { noise: 0.1, ...options }, 2, (label, t) => {
    const [u, v] = [Math.cos(Math.PI * t), Math.sin(Math.PI * t)];
    return label === 0 ? [u, v] : [1 - u, 0.5 - v];
  });
}

/**
 * A circle of radius 1 (class 0) around one of radius `inner` (class 1).
 *
 * @param options `inner` 0.5 and `noise` 0.05 by default
 * @throws ArgumentError unless `rows` is a positive integer
 */
export function circles({ inner = 0.5, ...options }: PlaneOptions & { inner?: number }): PlanePoints {
  return points('circles', { noise: 0.05, ...options }, 2, (label, t) => {
    const radius = label === 0 ? 1 : inner;
    return [radius * Math.cos(2 * Math.PI * t), radius * Math.sin(2 * Math.PI * t)];
  });
}
