import { type Tensor, type Update } from '../graph/index.ts';
import { add, div, maximum, mul, sqrt, square, sub } from '../ops/index.ts';
import { movingAverage, Optimizer, withDecay, type OptimizerOptions, type Pair } from './optimizer.ts';

export interface RMSpropOptions extends OptimizerOptions {
  /** Decay rate of the averages; default 0.99. */
  alpha?: number;
  /** Added to the root; default 1e-8. */
  eps?: number;
  /** μ of b ← μ b + u, u the scaled gradient; default 0. */
  momentum?: number;
  /** Scale by an estimate of the variance, v − (average of g)², instead of by v (Graves 2013, eq. 40). */
  centered?: boolean;
  /** Coupled ℓ² decay: g + weightDecay · p; default 0. */
  weightDecay?: number;
}

/**
 * p ← p − lr g / (√v + eps) with v ← alpha v + (1 − alpha) g² (Tieleman and Hinton 2012, lecture 6.5), with PyTorch's
 * conventions.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  protected updateGroup(
    pairs: readonly Pair[],
    { alpha = 0.99, eps = 1e-8, momentum = 0, centered = false, weightDecay = 0 }: RMSpropOptions,
    lr: Tensor,
  ): Update[] {
    return pairs.flatMap(([p, gradient]) => {
      const g = withDecay(gradient, p, weightDecay);
      const updates: Update[] = [];
      const averaged = (name: string, x: Tensor): Tensor => {
        const average = this.moment(p, name);
        const next = movingAverage(average, alpha, x);
        updates.push([average, next]);
        return next;
      };
      let v = averaged('square_avg', square(g));
      // The variance of a constant gradient is 0, which rounding may turn negative.
      if (centered) v = maximum(sub(v, square(averaged('grad_avg', g))), 0);
      let u = div(g, add(sqrt(v), eps));
      if (momentum !== 0) {
        const buffer = this.moment(p, 'momentum');
        u = add(mul(buffer, momentum), u);
        updates.push([buffer, u]);
      }
      return [...updates, [p, sub(p, mul(u, lr))]];
    });
  }
}
