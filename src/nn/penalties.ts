import { ArgumentError, type Tensor } from '../graph/index.ts';
import { abs, add, mul, square, sum } from '../ops/index.ts';

function penalty(
  op: string,
  params: readonly Tensor[],
  lambda: number,
  ofElement: (p: Tensor) => Tensor,
): Tensor {
  if (params.length === 0) throw new ArgumentError(op, 'at least one parameter', '0');
  if (!(lambda >= 0)) throw new ArgumentError(op, 'lambda >= 0', lambda);
  const total = params.map((p) => sum(ofElement(p))).reduce((a, b) => add(a, b));
  return mul(total, lambda);
}

/**
 * λ Σ |p| over all elements, a term to add to a loss; its gradient is λ sign(p), 0 at 0 (notes 4.3.1; Tibshirani 1996).
 *
 * @param params f32, of any shapes: usually the weights and not the biases
 * @param lambda ≥ 0
 * @returns a scalar
 * @throws ArgumentError for an empty list or a negative lambda
 */
export const l1Penalty = (params: readonly Tensor[], lambda: number): Tensor =>
  penalty('l1Penalty', params, lambda, abs);

/**
 * λ/2 Σ p² over all elements, a term to add to a loss; its gradient is λ p (notes 4.3.1), which is what `weightDecay` of
 * SGD and Adam adds without computing the loss term.
 *
 * @param params f32, of any shapes
 * @param lambda ≥ 0
 * @returns a scalar
 * @throws ArgumentError for an empty list or a negative lambda
 */
export const l2Penalty = (params: readonly Tensor[], lambda: number): Tensor =>
  penalty('l2Penalty', params, lambda, (p) => mul(square(p), 0.5));
