import { ArgumentError, type Tensor } from '../graph/index.ts';
import { add, clamp, div, minimum, mul, reshape, sqrt, square, sum } from '../ops/index.ts';

/**
 * √(Σ over all tensors and elements of g²).
 *
 * @param grads f32, of any shapes
 * @returns a scalar
 * @throws ArgumentError for an empty list
 */
export function globalNorm(grads: readonly Tensor[]): Tensor {
  if (grads.length === 0) throw new ArgumentError('globalNorm', 'at least one gradient', '0');
  return sqrt(grads.map((g) => reshape(sum(square(g)), [])).reduce((a, b) => add(a, b)));
}

/**
 * Scale all gradients by min(1, maxNorm / (norm + 1e-6)), so that their global norm is at most `maxNorm`
 * (Pascanu et al. 2013; the 1e-6 is PyTorch's).
 *
 * @param grads f32, of any shapes
 * @param maxNorm > 0
 * @returns the gradients in their order, and the norm before clipping, a scalar
 * @throws ArgumentError for a `maxNorm` that is not positive, or an empty list
 */
export function clipGradNorm(grads: readonly Tensor[], maxNorm: number): { grads: Tensor[]; norm: Tensor } {
  if (!(maxNorm > 0)) throw new ArgumentError('clipGradNorm', 'maxNorm > 0', maxNorm);
  const norm = globalNorm(grads);
  const factor = minimum(div(maxNorm, add(norm, 1e-6)), 1);
  return { grads: grads.map((g) => mul(g, factor)), norm };
}

/**
 * Limit each element to [−value, value].
 *
 * @param grads of any shapes
 * @param value > 0
 * @returns the gradients in their order
 * @throws ArgumentError for a `value` that is not positive
 */
export function clipGradValue(grads: readonly Tensor[], value: number): Tensor[] {
  if (!(value > 0)) throw new ArgumentError('clipGradValue', 'value > 0', value);
  return grads.map((g) => clamp(g, -value, value));
}
