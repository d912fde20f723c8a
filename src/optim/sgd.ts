import { ArgumentError, type Tensor, type Update } from '../graph/index.ts';
import { add, mul, sub } from '../ops/index.ts';
import { movingAverage, Optimizer, withDecay, type OptimizerOptions, type Pair } from './optimizer.ts';

export interface SGDOptions extends OptimizerOptions {
  /** μ of v ← μ v + g; default 0. */
  momentum?: number;
  /** Step along g + μ v, with `ema` along μ v + (1 − μ) g (Sutskever et al. 2013). */
  nesterov?: boolean;
  /** Average instead of sum: v ← μ v + (1 − μ) g, the first moment of the notes (2.3.2). */
  ema?: boolean;
  /** Coupled ℓ² decay: g + weightDecay · p; default 0. */
  weightDecay?: number;
}

/**
 * p ← p − lr · (g, or its momentum), with PyTorch's conventions. Notes 2.3.1. `update` throws ArgumentError for
 * `nesterov` without momentum.
 */
export class SGD extends Optimizer<SGDOptions> {
  protected updateGroup(
    pairs: readonly Pair[],
    { momentum = 0, nesterov = false, ema = false, weightDecay = 0 }: SGDOptions,
    lr: Tensor,
  ): Update[] {
    if (nesterov && momentum === 0) throw new ArgumentError('SGD', 'momentum > 0 with nesterov', 0);
    return pairs.flatMap(([p, gradient]): Update[] => {
      const g = withDecay(gradient, p, weightDecay);
      if (momentum === 0) return [[p, sub(p, mul(g, lr))]];
      const velocity = this.moment(p, 'momentum');
      const onward = (from: Tensor) => (ema ? movingAverage(from, momentum, g) : add(mul(from, momentum), g));
      const v = onward(velocity);
      return [
        [velocity, v],
        [p, sub(p, mul(nesterov ? onward(v) : v, lr))],
      ];
    });
  }
}
