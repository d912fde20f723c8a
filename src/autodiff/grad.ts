import { formatShape, GradientError, type Tensor } from '../graph/index.ts';
import { fill, pullback, zerosLike } from '../ops/index.ts';

/**
 * Gradients of a scalar loss by reverse accumulation: new nodes in the same graph, which can be
 * differentiated again. (Baydin et al., "Automatic differentiation in machine learning", 2018, section 3.2.)
 *
 * @param loss [] or any shape of one element, f32
 * @param wrt tensors or parameters, f32
 * @returns one tensor per entry of `wrt`, of its shape; zeros where the loss does not depend on it
 * @throws GradientError when the loss is not a scalar, or `wrt` is not f32
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1)
    throw new GradientError(
      `grad: expected a scalar loss [], got ${formatShape(loss.shape)}. Reduce it with mean() or sum() first.`,
    );
  for (const t of [loss, ...wrt])
    if (t.dtype !== 'f32') throw new GradientError(`grad: expected f32 tensors, got ${t.toString()}`);
  return pullback([loss], [fill(1, loss.shape)], wrt).map((gradient, i) => gradient ?? zerosLike(wrt[i]!));
}
