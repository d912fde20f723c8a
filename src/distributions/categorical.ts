import { DTypeError, ShapeError, type Shape, type Tensor } from '../graph/index.ts';
import {
  argmax,
  broadcast,
  exp,
  log,
  logSoftmax,
  maximum,
  mul,
  neg,
  oneHot,
  sub,
  sum,
  uniform,
  where,
} from '../ops/index.ts';
import { Distribution, fitting, type SampleOptions } from './distribution.ts';

/** Half the smallest step of `uniform`: what an exponential draw of 0 is taken for. */
const SMALLEST_EXPONENTIAL = 2 ** -25;

/** One of the classes 0 … c − 1 with probabilities softmax(logits), for each row of logits. */
export class Categorical extends Distribution {
  /** log softmax(logits): [..., c]. */
  readonly logProbs: Tensor;
  /** The shape of logits without the axis of classes. */
  readonly shape: Shape;
  readonly #classes: number;

  /**
   * @param logits [..., c] f32
   * @throws ShapeError without classes, DTypeError unless logits are f32
   */
  constructor(logits: Tensor) {
    super();
    if (!logits.shape.at(-1)) throw new ShapeError('Categorical', [logits.shape], 'logits [..., classes]');
    this.logProbs = logSoftmax(logits);
    this.shape = logits.shape.slice(0, -1);
    this.#classes = logits.shape.at(-1)!;
  }

  /** The log-probability of classes x [...] (i32 or u32); 0 for a number that is none of the classes. */
  logProb(x: Tensor): Tensor {
    if (x.dtype !== 'i32' && x.dtype !== 'u32')
      throw new DTypeError('Categorical.logProb', 'i32 or u32 classes', x.dtype);
    const shape = fitting('Categorical.logProb', x.shape, this.shape);
    const chosen = oneHot(broadcast(x, shape), this.#classes);
    return sum(where(chosen, this.logProbs, 0), { axes: -1 });
  }

  /** The expectation of the one-hot vector: the probabilities, [..., c]. */
  mean(): Tensor {
    return exp(this.logProbs);
  }

  /** The most probable class, the first of equal ones: i32 [...]. */
  mode(): Tensor {
    return argmax(this.logProbs);
  }

  /** Classes, i32 [..., shape]: the argmax of log p − log E, E exponential (Gumbel 1954); no gradient. */
  sample({ shape = [], ...options }: SampleOptions = {}): Tensor {
    const u = uniform([...shape, ...this.shape, this.#classes], options);
    const exponential = maximum(neg(log(sub(1, u))), SMALLEST_EXPONENTIAL);
    return argmax(sub(this.logProbs, log(exponential)));
  }

  /** −Σ p log p over the classes. */
  entropy(): Tensor {
    return neg(sum(mul(exp(this.logProbs), this.logProbs), { axes: -1 }));
  }

  /** Σ p log(p / q) over the classes. */
  protected klWithin(q: Categorical): Tensor {
    if (q.#classes !== this.#classes)
      throw new ShapeError('kl', [this.logProbs.shape, q.logProbs.shape], 'as many classes');
    return sum(mul(exp(this.logProbs), sub(this.logProbs, q.logProbs)), { axes: -1 });
  }
}
