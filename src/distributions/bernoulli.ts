import { type Shape, type Tensor } from '../graph/index.ts';
import { abs, add, cast, gt, lt, mul, neg, sigmoid, softplus, sub, uniform } from '../ops/index.ts';
import { Distribution, fitting, type SampleOptions } from './distribution.ts';

/** 1 with probability p = 1 / (1 + e^−logits), else 0, for each element. */
export class Bernoulli extends Distribution {
  readonly logits: Tensor;
  readonly shape: Shape;

  /** @param logits [...] f32, log(p / (1 − p)) */
  constructor(logits: Tensor) {
    super();
    this.logits = logits;
    this.shape = logits.shape;
  }

  /** x log p + (1 − x) log(1 − p), for x in [0, 1]; log p = −softplus(−logits) is accurate for p near 1, too. */
  logProb(x: Tensor): Tensor {
    fitting('Bernoulli.logProb', x.shape, this.shape);
    const [minusLogP, minusLogQ] = [softplus(neg(this.logits)), softplus(this.logits)];
    return neg(add(mul(x, minusLogP), mul(sub(1, x), minusLogQ)));
  }

  /** p. */
  mean(): Tensor {
    return sigmoid(this.logits);
  }

  /** 1 where p > 1/2, else 0, as f32. */
  mode(): Tensor {
    return cast(gt(this.logits, 0), 'f32');
  }

  /** 0 and 1 as f32; no gradient. */
  sample({ shape = [], ...options }: SampleOptions = {}): Tensor {
    return cast(lt(uniform([...shape, ...this.shape], options), sigmoid(this.logits)), 'f32');
  }

  /** −p log p − (1 − p) log(1 − p); with l = |logits| that is softplus(−l) + l sigmoid(−l), a sum without cancellation. */
  entropy(): Tensor {
    const l = abs(this.logits);
    return add(softplus(neg(l)), mul(l, sigmoid(neg(l))));
  }

  /** p log(p / q) + (1 − p) log((1 − p) / (1 − q)). */
  protected klWithin(q: Bernoulli): Tensor {
    const [a, b] = [this.logits, q.logits];
    const ofOne = mul(sigmoid(a), sub(softplus(neg(b)), softplus(neg(a))));
    return add(ofOne, mul(sigmoid(neg(a)), sub(softplus(b), softplus(a))));
  }
}
