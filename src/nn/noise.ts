import { ArgumentError, withUpdates, type Parameter, type Tensor, type Update } from '../graph/index.ts';
import { add, mul, normal } from '../ops/index.ts';
import { Module } from './module.ts';

/**
 * x + std · ε in training, ε standard normal and new at each step, x [...] → [...]; x itself in evaluation. On inputs or
 * activations (notes 4.3.3; Bishop 1995); for weights see `withWeightNoise`. The constructor throws ArgumentError unless
 * std ≥ 0.
 */
export class GaussianNoise extends Module {
  readonly std: number;

  constructor(std = 0.1) {
    super();
    if (!(std >= 0)) throw new ArgumentError('GaussianNoise', 'std >= 0', std);
    this.std = std;
  }

  forward(x: Tensor): Tensor {
    return this.training && this.std > 0 ? add(x, mul(normal(x.shape), this.std)) : x;
  }
}

/**
 * What `fn` computes with std · ε added to each of the parameters, ε standard normal and new at each step; the parameters
 * themselves stay as they are (notes 4.3.3; Murray and Edwards 1994). Gradients of the result reach the parameters, so it
 * serves to train robust weights as well as to evaluate how much noise they bear.
 *
 * @param params f32, of any shapes
 * @param std ≥ 0, in the units of the parameters
 * @returns what `fn` returns; see `withUpdates`
 * @throws ArgumentError unless std ≥ 0, ChainruleError outside of `compile`
 */
export function withWeightNoise<T>(params: readonly Parameter[], std: number, fn: () => T): T {
  if (!(std >= 0)) throw new ArgumentError('withWeightNoise', 'std >= 0', std);
  return withUpdates(
    params.map((p): Update => [p, add(p, mul(normal(p.shape), std))]),
    fn,
  );
}
