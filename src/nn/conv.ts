import { ArgumentError, Parameter, type Tensor } from '../graph/index.ts';
import {
  avgPool1d,
  avgPool2d,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
  globalAvgPool2d,
  maxPool1d,
  maxPool2d,
  pairOf,
  upsample,
  type Conv1dOptions,
  type ConvOptions,
  type Pool1dOptions,
  type PoolOptions,
  type UpsampleOptions,
} from '../ops/index.ts';
import { fanInUniform } from './init.ts';
import { Module } from './module.ts';

type Pair = readonly [vertical: number, horizontal: number];

/** What convolutions hold: a weight, and a bias per output channel. Both start uniform in ±1/√fanIn, as in PyTorch. */
abstract class Convolution<Options extends { groups?: number }> extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: Omit<Options, 'bias'>;

  /** @throws ArgumentError unless `groups` divides both numbers of channels */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: readonly number[],
    transposed: boolean,
    { bias = true, ...options }: Options & { bias?: boolean },
  ) {
    super();
    const groups = options.groups ?? 1;
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(new.target.name, 'channels that groups divides', [
        inChannels,
        outChannels,
        groups,
      ]);
    const [leading, perGroup] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
    const shape = [leading, perGroup / groups, ...kernel];
    const init = fanInUniform(shape.slice(1).reduce((a, b) => a * b, 1));
    this.weight = new Parameter(shape, init);
    this.bias = bias ? new Parameter([outChannels], init) : null;
    this.options = options;
  }
}

/** 1-D convolution: x [n, inChannels, w] → [n, outChannels, w']; see `conv1d`. Weight [outChannels, inChannels / groups, k]. */
export class Conv1d extends Convolution<Conv1dOptions> {
  /** @throws ArgumentError unless `groups` divides both numbers of channels, and for a bad kernel size */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    options: Conv1dOptions & { bias?: boolean } = {},
  ) {
    super(inChannels, outChannels, [kernel], false, options);
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * 2-D convolution with zero padding: x [n, inChannels, h, w] → [n, outChannels, h', w']; see `conv2d`. Weight
 * [outChannels, inChannels / groups, kh, kw].
 */
export class Conv2d extends Convolution<ConvOptions> {
  /** @throws ArgumentError unless `groups` divides both numbers of channels, and for a bad kernel size */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | Pair,
    options: ConvOptions & { bias?: boolean } = {},
  ) {
    super(inChannels, outChannels, pairOf('Conv2d', 'kernel', kernel, 1), false, options);
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Transposed 1-D convolution: x [n, inChannels, w] → [n, outChannels, w']; see `convTranspose1d`. Weight
 * [inChannels, outChannels / groups, k].
 */
export class ConvTranspose1d extends Convolution<Conv1dOptions & { outputPadding?: number }> {
  /** @throws ArgumentError unless `groups` divides both numbers of channels, and for a bad kernel size */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    options: Conv1dOptions & { outputPadding?: number; bias?: boolean } = {},
  ) {
    super(inChannels, outChannels, [kernel], true, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Transposed 2-D convolution: x [n, inChannels, h, w] → [n, outChannels, h', w']; see `convTranspose2d`. Weight
 * [inChannels, outChannels / groups, kh, kw].
 */
export class ConvTranspose2d extends Convolution<ConvOptions & { outputPadding?: number | Pair }> {
  /** @throws ArgumentError unless `groups` divides both numbers of channels, and for a bad kernel size */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | Pair,
    options: ConvOptions & { outputPadding?: number | Pair; bias?: boolean } = {},
  ) {
    super(inChannels, outChannels, pairOf('ConvTranspose2d', 'kernel', kernel, 1), true, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }
}

/** Largest element of each window: [n, c, w] → [n, c, w']; see `maxPool1d`. */
export class MaxPool1d extends Module {
  readonly kernel: number;
  readonly options: Pool1dOptions;

  constructor(kernel: number, options: Pool1dOptions = {}) {
    super();
    this.kernel = kernel;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernel, this.options);
  }
}

/** Largest element of each window: [n, c, h, w] → [n, c, h', w']; see `maxPool2d`. */
export class MaxPool2d extends Module {
  readonly kernel: number | Pair;
  readonly options: PoolOptions;

  constructor(kernel: number | Pair, options: PoolOptions = {}) {
    super();
    this.kernel = kernel;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernel, this.options);
  }
}

/** Mean of each window: [n, c, w] → [n, c, w']; see `avgPool1d`. */
export class AvgPool1d extends Module {
  readonly kernel: number;
  readonly options: Pool1dOptions & { countIncludePad?: boolean };

  constructor(kernel: number, options: Pool1dOptions & { countIncludePad?: boolean } = {}) {
    super();
    this.kernel = kernel;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernel, this.options);
  }
}

/** Mean of each window: [n, c, h, w] → [n, c, h', w']; see `avgPool2d`. */
export class AvgPool2d extends Module {
  readonly kernel: number | Pair;
  readonly options: PoolOptions & { countIncludePad?: boolean };

  constructor(kernel: number | Pair, options: PoolOptions & { countIncludePad?: boolean } = {}) {
    super();
    this.kernel = kernel;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernel, this.options);
  }
}

/** Mean of each channel's image: [n, c, h, w] → [n, c, 1, 1]. */
export class GlobalAvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}

/** A larger image: [n, c, h, w] → [n, c, h', w']; see `upsample`. */
export class Upsample extends Module {
  readonly options: UpsampleOptions;

  constructor(options: UpsampleOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return upsample(x, this.options);
  }
}
