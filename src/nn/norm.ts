import {
  ArgumentError,
  currentTrace,
  Parameter,
  ShapeError,
  type Shape,
  type Tensor,
  type Trace,
} from '../graph/index.ts';
import {
  add,
  batchNorm,
  detach,
  groupNorm,
  layerNorm,
  mul,
  normalizeBatch,
  type NormOptions,
} from '../ops/index.ts';
import { ones, zeros } from './init.ts';
import { Module } from './module.ts';

export interface BatchNormOptions extends NormOptions {
  /** How far running statistics move to those of a batch, in [0, 1]; default 0.1. */
  momentum?: number;
  /** Learn a weight and a bias per channel; default true. */
  affine?: boolean;
  /** Keep running statistics for evaluation; default true. Without them evaluation uses the batch's, too. */
  trackRunningStats?: boolean;
}

/**
 * In training, batches are normalised with their own mean and biased variance, and the step moves the running
 * statistics: running ← (1 − momentum) · running + momentum · batch, with the unbiased variance. In evaluation the
 * running statistics take the batch's place. (Ioffe and Szegedy 2015; notes 4.3.2; as in PyTorch, but without its
 * counter `num_batches_tracked`, which only its cumulative averages need.)
 */
abstract class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  // Fields name parameters, and these are the names in PyTorch's files.
  readonly running_mean: Parameter | null;
  readonly running_var: Parameter | null;
  readonly channels: number;
  readonly eps: number;
  readonly momentum: number;

  /** @throws ArgumentError for a momentum outside [0, 1], or `channels` that is not a positive integer */
  constructor(
    channels: number,
    { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true }: BatchNormOptions = {},
  ) {
    super();
    if (!(momentum >= 0 && momentum <= 1))
      throw new ArgumentError(new.target.name, 'momentum in [0, 1]', momentum);
    const buffer = (init: typeof ones) => new Parameter([channels], init, { trainable: false });
    this.weight = affine ? new Parameter([channels], ones) : null;
    this.bias = affine ? new Parameter([channels], zeros) : null;
    this.running_mean = trackRunningStats ? buffer(zeros) : null;
    this.running_var = trackRunningStats ? buffer(ones) : null;
    this.channels = channels;
    this.eps = eps;
    this.momentum = momentum;
  }

  /** Its shapes of x, with `c` for the number of channels. */
  protected abstract readonly shapes: readonly string[];

  /**
   * @throws ShapeError for another shape, or one value per channel in training; ChainruleError when training statistics
   *   are asked for outside of `compile`
   */
  forward(x: Tensor): Tensor {
    const { channels, eps, running_mean, running_var } = this;
    const ranks = this.shapes.map((shape) => shape.split(',').length);
    if (!ranks.includes(x.rank) || x.shape[1] !== channels)
      throw new ShapeError(
        this.constructor.name,
        [x.shape],
        `x ${this.shapes.join(' or ').replaceAll('c', String(channels))}`,
      );
    if (!running_mean || !running_var) return normalizeBatch(x, this.weight, this.bias, eps).y;
    if (!this.training)
      return batchNorm(x, this.weight, this.bias, {
        eps,
        statistics: { mean: running_mean, variance: running_var },
      });
    const { y, mean, variance } = normalizeBatch(x, this.weight, this.bias, eps);
    const count = x.size / channels;
    const trace = currentTrace(this.constructor.name);
    this.#track(trace, running_mean, mean);
    this.#track(trace, running_var, mul(variance, count / (count - 1)));
    return y;
  }

  /** A second call in the same step goes on where the first has left the running value. */
  #track({ updates }: Trace, running: Parameter, batch: Tensor): void {
    const position = updates.findIndex(([parameter]) => parameter === running);
    const before = updates[position]?.[1] ?? running;
    const after = add(mul(before, 1 - this.momentum), mul(detach(batch), this.momentum));
    updates.splice(position === -1 ? updates.length : position, 1, [running, after]);
  }
}

/** Batch norm of vectors or sequences: x [n, c] or [n, c, l], normalised over all axes but c; see `batchNorm`. */
export class BatchNorm1d extends BatchNorm {
  protected readonly shapes = ['[n, c]', '[n, c, l]'];
}

/** Batch norm of images: x [n, c, h, w], normalised over n, h and w; see `batchNorm`. */
export class BatchNorm2d extends BatchNorm {
  protected readonly shapes = ['[n, c, h, w]'];
}

export interface LayerNormOptions extends NormOptions {
  /** Learn a weight and a bias per element; default true. */
  elementwiseAffine?: boolean;
  /** Learn the bias; default true. */
  bias?: boolean;
}

/** Layer norm over the last axes: x [..., *shape], a number meaning one axis; see `layerNorm`. Weight and bias [*shape]. */
export class LayerNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly shape: Shape;
  readonly eps: number;

  constructor(
    shape: number | Shape,
    { eps = 1e-5, elementwiseAffine = true, bias = true }: LayerNormOptions = {},
  ) {
    super();
    this.shape = typeof shape === 'number' ? [shape] : [...shape];
    this.weight = elementwiseAffine ? new Parameter(this.shape, ones) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(this.shape, zeros) : null;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.shape, this.weight, this.bias, { eps: this.eps });
  }
}

/** Group norm: x [n, c, ...], each sample over `groups` runs of channels; see `groupNorm`. Weight and bias [c]. */
export class GroupNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly groups: number;
  readonly eps: number;

  /** @throws ArgumentError unless `groups` divides `channels` */
  constructor(
    groups: number,
    channels: number,
    { eps = 1e-5, affine = true }: NormOptions & { affine?: boolean } = {},
  ) {
    super();
    if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
      throw new ArgumentError('GroupNorm', 'channels that groups divides', [groups, channels]);
    this.weight = affine ? new Parameter([channels], ones) : null;
    this.bias = affine ? new Parameter([channels], zeros) : null;
    this.groups = groups;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, this.weight, this.bias, { eps: this.eps });
  }
}
