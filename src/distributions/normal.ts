import { ArgumentError, type Shape, type Tensor, type TensorLike } from '../graph/index.ts';
import { add, broadcast, div, exp, log, mul, normal, softplus, square, sub } from '../ops/index.ts';
import { asTensor, Distribution, fitting, type SampleOptions } from './distribution.ts';

/** The deviation σ of a normal distribution, in one of three forms; default σ = 1. */
export interface NormalOptions {
  /** σ > 0. A number is checked; for a tensor it is up to you, as its values are not known while a step is built. */
  scale?: TensorLike;
  /** log σ². */
  logVar?: TensorLike;
  /** Any real number: σ = log(1 + e^rawScale) + 1e-6, the last term to keep log σ finite. */
  rawScale?: TensorLike;
}

const SMALLEST_SCALE = 1e-6;

/**
 * N(mu, σ²) for each element. A scalar σ, fixed or a parameter, is the homoscedastic case; one that the network predicts for
 * each element, as log-variance or through softplus, the heteroscedastic one (notes 1.2). The constructor throws ShapeError
 * when mu and σ do not broadcast, ArgumentError for more than one form of σ or a number σ that is not positive.
 */
export class Normal extends Distribution {
  readonly mu: Tensor;
  /** σ. */
  readonly scale: Tensor;
  readonly logScale: Tensor;
  readonly shape: Shape;

  constructor(mu: TensorLike, options: NormalOptions = {}) {
    super();
    const { scale, logVar, rawScale } = options;
    if ([scale, logVar, rawScale].filter((form) => form !== undefined).length > 1)
      throw new ArgumentError('Normal', 'one of scale, logVar and rawScale', Object.keys(options));
    if (typeof scale === 'number' && !(scale > 0)) throw new ArgumentError('Normal', 'scale > 0', scale);
    this.mu = asTensor(mu);
    if (logVar !== undefined) {
      this.logScale = mul(asTensor(logVar), 0.5);
      this.scale = exp(this.logScale);
    } else {
      this.scale =
        rawScale === undefined ? asTensor(scale ?? 1) : add(softplus(asTensor(rawScale)), SMALLEST_SCALE);
      this.logScale = log(this.scale);
    }
    this.shape = fitting('Normal', this.mu.shape, this.scale.shape);
  }

  /** −((x − mu) / σ)² / 2 − log σ − log(2π) / 2. */
  logProb(x: Tensor): Tensor {
    fitting('Normal.logProb', x.shape, this.shape);
    const z = div(sub(x, this.mu), this.scale);
    return sub(mul(square(z), -0.5), add(this.logScale, Math.log(2 * Math.PI) / 2));
  }

  mean(): Tensor {
    return broadcast(this.mu, this.shape);
  }

  mode(): Tensor {
    return this.mean();
  }

  /** mu + σ ε, ε standard normal: gradients flow to mu and σ (Kingma and Welling 2014, section 2.4; notes 9.2.3). */
  sample({ shape = [], ...options }: SampleOptions = {}): Tensor {
    return add(this.mu, mul(this.scale, normal([...shape, ...this.shape], options)));
  }

  /** log σ + log(2πe) / 2. */
  entropy(): Tensor {
    return broadcast(add(this.logScale, Math.log(2 * Math.PI * Math.E) / 2), this.shape);
  }

  /** log(σ_q / σ_p) + ((σ_p / σ_q)² + ((mu_p − mu_q) / σ_q)² − 1) / 2. */
  protected klWithin(q: Normal): Tensor {
    const [ratio, distance] = [div(this.scale, q.scale), div(sub(this.mu, q.mu), q.scale)];
    const half = mul(sub(add(square(ratio), square(distance)), 1), 0.5);
    return add(half, sub(q.logScale, this.logScale));
  }
}
