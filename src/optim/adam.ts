import { type Parameter, type Tensor, type Update } from '../graph/index.ts';
import { add, div, exp, fill, gt, mul, neg, sqrt, square, sub, where } from '../ops/index.ts';
import { movingAverage, Optimizer, withDecay, type OptimizerOptions, type Pair } from './optimizer.ts';

export interface AdamOptions extends OptimizerOptions {
  /** Decay rates of the two moments; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Keeps the quotient finite; default 1e-8. */
  eps?: number;
  /** ℓ² decay: coupled in Adam, decoupled in AdamW. */
  weightDecay?: number;
  /** m̂ / √(v̂ + eps), as the notes write it (2.3.2), instead of m̂ / (√v̂ + eps). */
  epsInsideSqrt?: boolean;
}

/** Adam (Kingma and Ba 2015, algorithm 1), with ℓ² decay added to the gradient. */
export class Adam extends Optimizer<AdamOptions> {
  protected updateGroup(pairs: readonly Pair[], options: AdamOptions, lr: Tensor): Update[] {
    return this.adam(pairs, options, lr, (p, g) => [p, withDecay(g, p, options.weightDecay ?? 0)]);
  }

  /** The shared rule; `decay` gives the parameter and the gradient that it starts from. */
  protected adam(
    pairs: readonly Pair[],
    { betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8, epsInsideSqrt = false }: AdamOptions,
    lr: Tensor,
    decay: (p: Parameter, g: Tensor) => readonly [Tensor, Tensor],
  ): Update[] {
    const steps = this.counter(pairs[0]![0], 'step');
    const t = add(steps, 1);
    const correction1 = oneMinusPower(beta1, t);
    const rootCorrection2 = sqrt(oneMinusPower(beta2, t));
    // p − lr m̂ / (√v̂ + eps) with the two bias corrections taken out of the element-wise part:
    // m̂ = m / c1 and √v̂ = √v / √c2, so one division by c1 and one by √c2 serve the whole group.
    const rate = div(lr, correction1);
    const updates: Update[] = [[steps, t]];
    for (const [p, gradient] of pairs) {
      const [from, g] = decay(p, gradient);
      const m = movingAverage(this.moment(p, 'exp_avg'), beta1, g);
      const v = movingAverage(this.moment(p, 'exp_avg_sq'), beta2, square(g));
      const root = epsInsideSqrt
        ? sqrt(add(div(v, square(rootCorrection2)), eps))
        : add(div(sqrt(v), rootCorrection2), eps);
      updates.push(
        [this.moment(p, 'exp_avg'), m],
        [this.moment(p, 'exp_avg_sq'), v],
        [p, sub(from, div(mul(m, rate), root))],
      );
    }
    return updates;
  }
}

/** Adam with decoupled decay p ← p (1 − lr weightDecay) (Loshchilov and Hutter 2019); weightDecay default 0.01. */
export class AdamW extends Adam {
  protected override updateGroup(pairs: readonly Pair[], options: AdamOptions, lr: Tensor): Update[] {
    const keep = sub(1, mul(lr, options.weightDecay ?? 0.01));
    return this.adam(pairs, options, lr, (p, g) => [mul(p, keep), g]);
  }
}

/**
 * 1 − betaᵗ = 1 − eˣ with x = t log(beta). Near x = 0 the difference cancels: 0.999ᵗ carries an error of 6e-8, which is
 * 6e-5 of 1 − 0.999. There the series −x (1 + x/2 (1 + x/3 (…))) is exact to float32 for x > −0.2.
 */
function oneMinusPower(beta: number, t: Tensor): Tensor {
  if (beta === 0) return fill(1);
  const x = mul(t, Math.log(Math.fround(beta)));
  let series: Tensor = add(mul(x, 1 / 7), 1);
  for (let n = 6; n >= 2; n--) series = add(mul(mul(x, 1 / n), series), 1);
  return where(gt(x, -0.2), neg(mul(x, series)), sub(1, exp(x)));
}
