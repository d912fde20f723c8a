import {
  ArgumentError,
  Parameter,
  sameShape,
  ShapeError,
  type Tensor,
  type Initializer,
} from '../graph/index.ts';
import {
  add,
  atan,
  bernoulli,
  flatten,
  gelu,
  leakyRelu,
  linear,
  logSoftmax,
  mul,
  relu,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
  embedding,
} from '../ops/index.ts';
import { fanInUniform, normalInit } from './init.ts';
import { Module } from './module.ts';

export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  weightInit?: Initializer;
  biasInit?: Initializer;
}

/**
 * y = x Wᵀ + b. x [..., inFeatures] → [..., outFeatures]. Weight [outFeatures, inFeatures] and bias [outFeatures] start
 * uniform in ±1/√inFeatures, as in PyTorch, unless the options say otherwise.
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    inFeatures: number,
    outFeatures: number,
    {
      bias = true,
      weightInit = fanInUniform(inFeatures),
      biasInit = fanInUniform(inFeatures),
    }: LinearOptions = {},
  ) {
    super();
    this.weight = new Parameter([outFeatures, inFeatures], weightInit);
    this.bias = bias ? new Parameter([outFeatures], biasInit) : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** A table of `count` learned vectors: index [...] i32 or u32 → [..., width]. Starts N(0, 1), as in PyTorch. */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(count: number, width: number) {
    super();
    this.weight = new Parameter([count, width], normalInit());
  }

  forward(index: Tensor): Tensor {
    return embedding(this.weight, index);
  }
}

/** All axes from `start` on as one: [n, c, h, w] → [n, c h w]. */
export class Flatten extends Module {
  readonly start: number;

  constructor(start = 1) {
    super();
    this.start = start;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.start);
  }
}

/** The input itself. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** max(x, 0), element by element. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x, or alpha x where x is not positive, element by element. */
export class LeakyReLU extends Module {
  readonly alpha: number;

  constructor(alpha = 0.01) {
    super();
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.alpha);
  }
}

/** 1 / (1 + e⁻ˣ), element by element. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** The hyperbolic tangent of each element. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** The arc tangent of each element, in radians. */
export class Atan extends Module {
  forward(x: Tensor): Tensor {
    return atan(x);
  }
}

/** log(1 + eˣ), element by element. */
export class Softplus extends Module {
  forward(x: Tensor): Tensor {
    return softplus(x);
  }
}

/** x · sigmoid(x), element by element. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** x Φ(x), element by element; see `gelu`. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(approximate: 'none' | 'tanh' = 'none') {
    super();
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }
}

/** Softmax along `axis`; the shape stays. */
export class Softmax extends Module {
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.axis);
  }
}

/** Logarithm of the softmax along `axis`; the shape stays. */
export class LogSoftmax extends Module {
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.axis);
  }
}

/**
 * Inverted dropout (Srivastava et al. 2014): in training each element is kept with probability 1 − p and
 * divided by 1 − p; in evaluation nothing happens. The notes' rule (4.3.3) multiplies weights at test time instead.
 *
 * `p` is the probability of dropping, in [0, 1); the constructor throws ArgumentError for another.
 */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p < 1)) throw new ArgumentError('Dropout', 'p in [0, 1)', p);
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    return mul(x, mul(bernoulli(1 - this.p, x.shape), 1 / (1 - this.p)));
  }
}

/** Modules one after another; names are their positions: `0.weight`. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    this.layers = layers;
  }

  override *children(): Iterable<[string, Module]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer];
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => layer.forward(h), x);
  }
}

/**
 * h + f(h) (He et al. 2016; notes 5); `shortcut` projects h where f changes its shape. `forward` throws ShapeError when
 * the two differ.
 */
export class Residual extends Module {
  readonly f: Module;
  readonly shortcut: Module;

  constructor(f: Module, shortcut: Module = new Identity()) {
    super();
    this.f = f;
    this.shortcut = shortcut;
  }

  forward(x: Tensor): Tensor {
    const [branch, skip] = [this.f.forward(x), this.shortcut.forward(x)];
    if (!sameShape(branch.shape, skip.shape))
      throw new ShapeError(
        'Residual',
        [branch.shape, skip.shape],
        'f(h) shaped like its shortcut',
        'Pass a projection as the second argument.',
      );
    return add(skip, branch);
  }
}
