import { ArgumentError } from '../graph/index.ts';

/** One layer z = W h + b of a ReLU network; sizes follow from the lengths. */
export interface AffineLayer {
  /** [out, in] in C order. */
  readonly weight: ArrayLike<number>;
  /** [out] */
  readonly bias: ArrayLike<number>;
}

/** h = A t + c for t in a line or a plane: `slopes` [units, dimensions], `offsets` [units]. */
export interface AffineMap {
  readonly slopes: Float64Array;
  readonly offsets: Float64Array;
}

/** Numbers are the same when they differ by less than rounding can make them: relative to what they were computed from. */
export const ROUNDING = 1e-9;

/** z = W h + b of every unit. What should cancel to 0 does. */
export function preActivations({ weight, bias }: AffineLayer, { slopes, offsets }: AffineMap): AffineMap {
  const [units, inputs] = [bias.length, offsets.length];
  const dimensions = slopes.length / inputs;
  /** start + Σᵢ W_ji · values[i · stride + d] */
  const sumOf = (j: number, start: number, values: Float64Array, stride: number, d: number): number => {
    let [total, size] = [start, Math.abs(start)];
    for (let i = 0; i < inputs; i++) {
      const term = weight[j * inputs + i]! * values[i * stride + d]!;
      total += term;
      size += Math.abs(term);
    }
    return Math.abs(total) <= ROUNDING * size ? 0 : total;
  };
  return {
    slopes: Float64Array.from({ length: units * dimensions }, (_, k) =>
      sumOf(Math.floor(k / dimensions), 0, slopes, dimensions, k % dimensions),
    ),
    offsets: Float64Array.from({ length: units }, (_, j) => sumOf(j, bias[j]!, offsets, 1, 0)),
  };
}

/** The units that are on keep their map, the others give 0. */
export function masked({ slopes, offsets }: AffineMap, isOn: readonly boolean[]): AffineMap {
  const dimensions = slopes.length / offsets.length;
  return {
    slopes: slopes.map((slope, i) => (isOn[Math.floor(i / dimensions)]! ? slope : 0)),
    offsets: offsets.map((offset, j) => (isOn[j]! ? offset : 0)),
  };
}

/** @throws ArgumentError unless each layer takes what the one before gives, and all numbers are finite */
export function requireLayers(op: string, layers: readonly AffineLayer[], inputs: number): void {
  if (layers.length === 0) throw new ArgumentError(op, 'at least one layer', 'none');
  let width = inputs;
  for (const [i, { weight, bias }] of layers.entries()) {
    if (bias.length === 0 || weight.length !== bias.length * width)
      throw new ArgumentError(
        op,
        `layer ${i} with weight [out, ${width}] and bias [out]`,
        `${weight.length} and ${bias.length} elements`,
      );
    for (const values of [weight, bias])
      for (let j = 0; j < values.length; j++)
        if (!Number.isFinite(values[j]))
          throw new ArgumentError(op, `finite numbers in layer ${i}`, String(values[j]));
    width = bias.length;
  }
}
