import { ArgumentError, sameShape, ShapeError, type Tensor } from '../graph/index.ts';
import { mean, mul, sum } from '../ops/index.ts';

/**
 * `'mean'`: mean over all elements (over positions for cross-entropy), as in PyTorch; `'batchmean'`: sum
 * divided by the leading size, as in the notes (2.1); `'sum'`; `'none'`: one loss per element or position.
 */
export type Reduction = 'mean' | 'sum' | 'batchmean' | 'none';

export interface LossOptions {
  reduction?: Reduction;
}

/** @throws ArgumentError for an unknown reduction, ShapeError without any element: a mean of nothing has no value */
export function reduceLoss(op: string, loss: Tensor, reduction: Reduction): Tensor {
  if (loss.size === 0) throw new ShapeError(op, [loss.shape], 'at least one element');
  switch (reduction) {
    case 'mean':
      return mean(loss);
    case 'sum':
      return sum(loss);
    case 'batchmean':
      return mul(sum(loss), 1 / (loss.shape[0] ?? 1));
    case 'none':
      return loss;
    default:
      throw new ArgumentError(op, "reduction 'mean', 'sum', 'batchmean' or 'none'", reduction);
  }
}

export function requireSameShape(op: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(op, [x.shape, target.shape], 'prediction and target of one shape');
}
