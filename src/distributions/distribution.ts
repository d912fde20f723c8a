import {
  ArgumentError,
  broadcastShapes,
  ShapeError,
  type Shape,
  type Tensor,
  type TensorLike,
} from '../graph/index.ts';
import { fill, type RandomOptions } from '../ops/index.ts';

export interface SampleOptions extends RandomOptions {
  /** Leading axes of the result: so many independent samples; default []: one. */
  shape?: Shape;
}

/**
 * The distribution of one random variable per element of `shape` (notes 1.2). All methods are compositions of ops, and
 * differentiable where the mathematics is.
 */
export abstract class Distribution {
  /** One variable per element: the shape of `mode()`. */
  abstract readonly shape: Shape;

  /** log p(x), or the logarithm of the density, of each variable: [..., shape]; x may have further axes in front. */
  abstract logProb(x: Tensor): Tensor;
  /** The expectation of each variable (notes 1.3). */
  abstract mean(): Tensor;
  /** The most probable value of each variable (notes 1.3). */
  abstract mode(): Tensor;
  /** Random values, new at each step: [..., shape] (notes 1.3). */
  abstract sample(options?: SampleOptions): Tensor;
  /** −E log p of each variable, in nats: `shape`. */
  abstract entropy(): Tensor;

  /**
   * KL(this ‖ q) = E log(this / q) of each variable, in nats, in closed form.
   *
   * @param q of the same family, of a shape that broadcasts with this one
   * @returns the broadcast shape
   * @throws ArgumentError for another family, ShapeError
   */
  kl(q: Distribution): Tensor {
    if (q.constructor !== this.constructor)
      throw new ArgumentError(
        'kl',
        'two distributions of one family',
        `${this.constructor.name} and ${q.constructor.name}`,
      );
    fitting('kl', this.shape, q.shape);
    return this.klWithin(q as this);
  }

  protected abstract klWithin(q: this): Tensor;
}

/**
 * KL(p ‖ q) of each variable, in nats, in closed form; see `Distribution.kl`.
 *
 * @throws ArgumentError for distributions of two families, ShapeError
 */
export const kl = (p: Distribution, q: Distribution): Tensor => p.kl(q);

/** The shape that all broadcast to. @throws ShapeError */
export function fitting(op: string, ...shapes: readonly Shape[]): Shape {
  return shapes.reduce((a, b) => {
    const both = broadcastShapes(a, b);
    if (!both) throw new ShapeError(op, shapes, 'shapes that broadcast');
    return both;
  });
}

export const asTensor = (x: TensorLike): Tensor => (typeof x === 'number' ? fill(x) : x);
