import { grad } from '../autodiff/index.ts';
import { ArgumentError, type Tensor } from '../graph/index.ts';
import { sum } from '../ops/index.ts';

/**
 * Gradient of the summed outputs of each sample with respect to that sample: ∂ Σ f(x)ᵢ / ∂ xᵢ. Samples must not see each
 * other, so batch norm has to be in evaluation mode.
 *
 * @param f a network, such as `(x) => model.forward(x)`
 * @param x [n, ...] f32
 * @returns [n, ...]
 */
export const inputGradients = (f: (x: Tensor) => Tensor, x: Tensor): Tensor => grad(sum(f(x)), [x])[0]!;

/**
 * How alike a vector is to itself some points further along a path: Σᵢ ⟨gᵢ − ḡ, gᵢ₊ₖ − ḡ⟩ / Σᵢ ‖gᵢ − ḡ‖² for each lag
 * k. Taken of input gradients at points along a line it shows how residual connections keep them alike over
 * distance, while those of a plain network turn into white noise with depth: shattered gradients (notes 5; Balduzzi et al.
 * 2017, section 2).
 *
 * @param values [points, width] in C order, in the order of the path
 * @param options number of `points`; lags from 0 to `maxLag`
 * @returns [maxLag + 1], beginning with 1
 * @throws ArgumentError unless 0 ≤ maxLag < points and the values are rows of one width, finite, and not all equal
 */
export function autocorrelation(
  values: ArrayLike<number>,
  { points, maxLag }: { points: number; maxLag: number },
): Float64Array {
  const width = values.length / points;
  if (!Number.isInteger(points) || points < 2 || !Number.isInteger(width) || width < 1)
    throw new ArgumentError(
      'autocorrelation',
      `rows at 2 points or more`,
      `${values.length} elements at ${points}`,
    );
  if (!Number.isInteger(maxLag) || maxLag < 0 || maxLag >= points)
    throw new ArgumentError('autocorrelation', `maxLag from 0 to ${points - 1}`, maxLag);
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / points;
  const centred = Float64Array.from(values, (value, i) => value - mean[i % width]!);
  const result = new Float64Array(maxLag + 1);
  for (let lag = 0; lag <= maxLag; lag++)
    for (let i = 0; i + lag * width < centred.length; i++)
      result[lag]! += centred[i]! * centred[i + lag * width]!;
  const variance = result[0]!;
  if (!(variance > 0 && variance < Infinity))
    throw new ArgumentError(
      'autocorrelation',
      'finite values that are not all equal',
      `variance ${variance}`,
    );
  return result.map((value) => value / variance);
}
