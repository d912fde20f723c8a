import { type Tensor, type Update } from '../graph/index.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/index.ts';
import { Optimizer, withDecay, type OptimizerOptions, type Pair } from './optimizer.ts';

export interface AdagradOptions extends OptimizerOptions {
  /** Added to the root; default 1e-10. */
  eps?: number;
  /** What the sum of squares starts from; default 0. */
  initialAccumulatorValue?: number;
  /** Coupled ℓ² decay: g + weightDecay · p; default 0. */
  weightDecay?: number;
}

/**
 * p ← p − lr g / (√s + eps) with s ← s + g² (Duchi et al. 2011), with PyTorch's conventions; its `lr_decay` is the schedule
 * `(step) => rate / (1 + step * decay)`.
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  protected updateGroup(
    pairs: readonly Pair[],
    { eps = 1e-10, initialAccumulatorValue = 0, weightDecay = 0 }: AdagradOptions,
    lr: Tensor,
  ): Update[] {
    return pairs.flatMap(([p, gradient]): Update[] => {
      const g = withDecay(gradient, p, weightDecay);
      const sum = this.moment(p, 'sum', initialAccumulatorValue);
      const s = add(sum, square(g));
      return [
        [sum, s],
        [p, sub(p, mul(div(g, add(sqrt(s), eps)), lr))],
      ];
    });
  }
}
