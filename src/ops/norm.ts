import { ArgumentError, DTypeError, sameShape, ShapeError, type Shape, type Tensor } from '../graph/index.ts';
import { sum } from './broadcast.ts';
import { customVjp } from './custom-vjp.ts';
import { add, detach, div, maximum, mul, sqrt, sub } from './pointwise.ts';
import { mean } from './reduce.ts';
import { slice } from './slice.ts';
import { fill } from './source.ts';
import { reshape } from './view.ts';

/**
 * Mean and biased variance over `axes`, kept with size 1; 1 / √(variance + eps); and (x − mean) times that.
 *
 * Both sums are of differences: the mean is one of the elements plus the mean distance to it. So it keeps its digits when
 * it is large beside the distances, and is exact where all elements are equal.
 */
function standardize(x: Tensor, axes: readonly number[], eps: number) {
  const options = { axes, keepdim: true };
  const origin = originOf(x, axes);
  const mu = add(origin, mean(sub(x, origin), options));
  const centred = sub(x, mu);
  const variance = mean(mul(centred, centred), options);
  const inverted = div(1, sqrt(add(variance, eps)));
  // dx = (dy − mean(dy) − y · mean(dy y)) / σ
  const value = customVjp(mul(centred, inverted), [x, mu, inverted], (dy, [x, mu, inverted]) => {
    const y = mul(sub(x!, mu!), inverted!);
    const along = mul(y, mean(mul(dy, y), options));
    return [mul(sub(sub(dy, mean(dy, options)), along), inverted!), null, null];
  });
  return { mean: mu, variance, inverted, value };
}

/** The first element along `axes`. Which one makes no difference, so nothing is differentiated by it. */
function originOf(x: Tensor, axes: readonly number[]): Tensor {
  const ranges = x.shape.map((_, axis) => (axes.includes(axis) ? ([0, 1] as const) : null));
  return detach(slice(x, ranges));
}

/**
 * Mean and biased variance over `axes`, kept with size 1, from one reading of x: with distances d to one of the elements,
 * mean = origin + E[d] and variance = E[d²] − E[d]². Where that element lies k standard deviations from the mean, the
 * variance loses about k² of its 2²⁴ steps.
 */
function batchMoments(x: Tensor, axes: readonly number[]): { mean: Tensor; variance: Tensor } {
  const options = { axes, keepdim: true };
  const origin = originOf(x, axes);
  const distance = sub(x, origin);
  const along = mean(distance, options);
  const variance = sub(mean(mul(distance, distance), options), mul(along, along));
  return { mean: add(origin, along), variance: maximum(variance, 0) };
}

function checkNorm(op: string, x: Tensor, eps: number): void {
  if (x.dtype !== 'f32') throw new DTypeError(op, 'f32', x.dtype);
  if (!(eps > 0)) throw new ArgumentError(op, 'eps > 0', eps);
}

function checkAffine(
  op: string,
  x: Tensor,
  shape: Shape,
  tensors: Readonly<Record<string, Tensor | null>>,
): void {
  for (const [name, tensor] of Object.entries(tensors))
    if (tensor && !sameShape(tensor.shape, shape))
      throw new ShapeError(op, [tensor.shape], `${name} [${shape.join(', ')}] for x [${x.shape.join(', ')}]`);
}

/** x · weight + bias, where each is given. */
function affine(x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight ? mul(x, weight) : x;
  return bias ? add(scaled, bias) : scaled;
}

/** All axes but the channels' (1). */
const aroundChannels = (x: Tensor) => x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
/** A value per channel against x [n, c, ...]. */
const perChannel = (v: Tensor, x: Tensor) =>
  reshape(
    v,
    x.shape.map((size, axis) => (axis === 1 ? size : 1)),
  );

/**
 * Batch norm with the statistics of the batch itself, and these: mean and biased variance [c]. Arguments as
 * `batchNorm`.
 */
export function normalizeBatch(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  checkBatch(x, { weight, bias }, eps);
  const channels = x.shape[1]!;
  if (x.size / channels < 2)
    throw new ShapeError(
      'batchNorm',
      [x.shape],
      'more than one value per channel in training',
      'The variance of one value is 0.',
    );
  const { mean: mu, variance } = batchMoments(x, aroundChannels(x));
  const inverted = div(1, sqrt(add(variance, eps)));
  const scale = weight ?? fill(1, [channels]);
  const shift = bias ?? fill(0, [channels]);
  const value = affine(sub(x, mu), mul(perChannel(scale, x), inverted), perChannel(shift, x));
  return {
    y: customVjp(value, [x, scale, shift, mu, inverted], batchNormVjp),
    mean: reshape(mu, [channels]),
    variance: reshape(variance, [channels]),
  };
}

/**
 * dx = w / σ · (dy − mean(dy) − x̂ · mean(dy x̂)) (Ioffe and Szegedy 2015, section 3, put together): the two means are
 * the gradients of bias and weight divided by the number of values, so that two sums serve all three.
 */
function batchNormVjp(dy: Tensor, [x, weight, , mu, inverted]: readonly Tensor[]): (Tensor | null)[] {
  const options = { axes: aroundChannels(x!), keepdim: true };
  const channels = x!.shape[1]!;
  const each = channels / x!.size;
  const centred = sub(x!, mu!);
  const dBias = sum(dy, options);
  const dWeight = mul(sum(mul(dy, centred), options), inverted!);
  const slope = mul(mul(dWeight, inverted!), each);
  const dx = mul(
    sub(sub(dy, mul(dBias, each)), mul(centred, slope)),
    mul(perChannel(weight!, x!), inverted!),
  );
  return [dx, reshape(dWeight, [channels]), reshape(dBias, [channels]), null, null];
}

function checkBatch(
  x: Tensor,
  perChannelTensors: Readonly<Record<string, Tensor | null>>,
  eps: number,
): void {
  checkNorm('batchNorm', x, eps);
  if (x.rank < 2) throw new ShapeError('batchNorm', [x.shape], 'x [n, c, ...]');
  checkAffine('batchNorm', x, [x.shape[1]!], perChannelTensors);
}

export interface NormOptions {
  /** Added to the variance, > 0; default 1e-5. */
  eps?: number;
}

/**
 * Batch norm (Ioffe and Szegedy 2015; notes 4.3.2): y = (x − mean) / √(variance + eps) · weight + bias, with mean and
 * biased variance of each channel over all other axes, or those that `statistics` gives (evaluation).
 *
 * @param x [n, c, ...] f32; without `statistics` at least two values per channel
 * @param weight [c] or null for 1
 * @param bias [c] or null for 0
 * @param options `statistics`: mean and variance, [c] each
 * @returns the shape of x
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError unless eps > 0
 */
export function batchNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  { eps = 1e-5, statistics }: NormOptions & { statistics?: { mean: Tensor; variance: Tensor } } = {},
): Tensor {
  if (!statistics) return normalizeBatch(x, weight, bias, eps).y;
  checkBatch(x, { weight, bias, ...statistics }, eps);
  const inverted = div(1, sqrt(add(statistics.variance, eps)));
  const scale = perChannel(weight ? mul(weight, inverted) : inverted, x);
  return affine(sub(x, perChannel(statistics.mean, x)), scale, bias && perChannel(bias, x));
}

/**
 * Layer norm (Ba et al. 2016): y = (x − mean) / √(variance + eps) · weight + bias, with mean and biased variance over
 * the last axes.
 *
 * @param x [..., *shape] f32
 * @param shape sizes of the axes to normalise; a number means the last axis
 * @param weight [*shape] or null for 1
 * @param bias [*shape] or null for 0
 * @returns the shape of x
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError unless eps > 0
 */
export function layerNorm(
  x: Tensor,
  shape: number | Shape,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  { eps = 1e-5 }: NormOptions = {},
): Tensor {
  const sizes = typeof shape === 'number' ? [shape] : shape;
  checkNorm('layerNorm', x, eps);
  if (sizes.length === 0 || x.rank < sizes.length || !sameShape(x.shape.slice(-sizes.length), sizes))
    throw new ShapeError('layerNorm', [x.shape], `x [..., ${sizes.join(', ')}]`);
  checkAffine('layerNorm', x, sizes, { weight, bias });
  const axes = sizes.map((_, i) => x.rank - sizes.length + i);
  return affine(standardize(x, axes, eps).value, weight, bias);
}

/**
 * Group norm (Wu and He 2018): y = (x − mean) / √(variance + eps) · weight + bias, with mean and biased variance of
 * each sample over one of `groups` runs of neighbouring channels and all axes after them.
 *
 * @param x [n, c, ...] f32
 * @param groups divides c; 1 normalises a sample as a whole, c each channel by itself (instance norm)
 * @param weight [c] or null for 1
 * @param bias [c] or null for 0
 * @returns the shape of x
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError unless eps > 0
 */
export function groupNorm(
  x: Tensor,
  groups: number,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  { eps = 1e-5 }: NormOptions = {},
): Tensor {
  checkNorm('groupNorm', x, eps);
  if (x.rank < 2 || !Number.isInteger(groups) || groups < 1 || x.shape[1]! % groups !== 0)
    throw new ShapeError('groupNorm', [x.shape], `x [n, c, ...] with c a multiple of groups ${groups}`);
  checkAffine('groupNorm', x, [x.shape[1]!], { weight, bias });
  const [n, channels, ...image] = x.shape as [number, number, ...number[]];
  const grouped = reshape(x, [n, groups, channels / groups, ...image]);
  const axes = grouped.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
  const y = reshape(standardize(grouped, axes, eps).value, x.shape);
  return affine(y, weight && perChannel(weight, x), bias && perChannel(bias, x));
}
