import {
  ArgumentError,
  defineOp,
  DTypeError,
  emit,
  sameShape,
  ShapeError,
  type Op,
  type Tensor,
} from '../graph/index.ts';
import { pairOf } from './axes.ts';
import { broadcast } from './broadcast.ts';
import { asRow, fromRow, imageSizes, windowOutputSize } from './conv.ts';
import { add, cast, detach, eq, mul, where } from './pointwise.ts';
import { mean } from './reduce.ts';
import { pad } from './slice.ts';
import { iota, zerosLike } from './source.ts';
import { reshape } from './view.ts';

type Pair = readonly [vertical: number, horizontal: number];

export interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** NHWC instead of NCHW; set by the layout pass only. */
  readonly channelsLast: boolean;
}

function pooledShape(op: string, x: Tensor, { kernel, stride, padding, channelsLast }: PoolAttrs): number[] {
  const { n, c, h, w } = imageSizes(x, channelsLast);
  const oh = windowOutputSize(h, kernel[0], stride[0], padding[0], 1);
  const ow = windowOutputSize(w, kernel[1], stride[1], padding[1], 1);
  if (oh < 1 || ow < 1)
    throw new ShapeError(
      op,
      [x.shape],
      `an image of at least [${kernel.join(', ')}] with padding [${padding.join(', ')}]`,
    );
  return channelsLast ? [n, oh, ow, c] : [n, c, oh, ow];
}

// Max pooling is linear once the winners are known. Three ops close it under differentiation:
// pick takes the winners of x out of v, its adjoint puts a cotangent back to the winners of x.
export const maxPool2dOp: Op<'maxPool2d', PoolAttrs> = defineOp({
  name: 'maxPool2d',
  kind: 'kernel',
  shape: ([x], attrs) => pooledShape('maxPool2d', x!, attrs),
  vjp: (dy, [x], attrs) => [emit(maxPool2dGradOp, [x!, dy], attrs)],
});

/** (x, dy) → a tensor like x with each dy at the first largest element of its window, summed. */
export const maxPool2dGradOp: Op<'maxPool2dGrad', PoolAttrs> = defineOp({
  name: 'maxPool2dGrad',
  kind: 'kernel',
  shape: ([x]) => x!.shape,
  vjp: (dx, [x], attrs) => [null, emit(maxPool2dPickOp, [x!, dx], attrs)],
});

/** (x, v), v shaped like x → for each window the element of v where x is largest. */
export const maxPool2dPickOp: Op<'maxPool2dPick', PoolAttrs> = defineOp({
  name: 'maxPool2dPick',
  kind: 'kernel',
  shape: ([x], attrs) => pooledShape('maxPool2d', x!, attrs),
  vjp: (dy, [x], attrs) => [null, emit(maxPool2dGradOp, [x!, dy], attrs)],
});

export interface AvgPoolAttrs extends PoolAttrs {
  /** Divide by the window's size; otherwise by the number of its elements inside the image. */
  readonly countIncludePad: boolean;
}

export const avgPool2dOp: Op<'avgPool2d', AvgPoolAttrs> = defineOp({
  name: 'avgPool2d',
  kind: 'kernel',
  shape: ([x], attrs) => pooledShape('avgPool2d', x!, attrs),
  vjp(dy, [x], attrs) {
    const { h, w } = imageSizes(x!, attrs.channelsLast);
    return [emit(avgPool2dGradOp, [dy], { ...attrs, inputSize: [h, w] })];
  },
});

/** The adjoint of avgPool2d. */
export const avgPool2dGradOp: Op<'avgPool2dGrad', AvgPoolAttrs & { readonly inputSize: Pair }> = defineOp({
  name: 'avgPool2dGrad',
  kind: 'kernel',
  shape([dy], { inputSize: [h, w], channelsLast }) {
    const { n, c } = imageSizes(dy!, channelsLast);
    return channelsLast ? [n, h, w, c] : [n, c, h, w];
  },
  vjp: (dx, _, { inputSize: __, ...attrs }) => [emit(avgPool2dOp, [dx], attrs)],
});

export interface PoolOptions {
  /** Step of the window; default its size. */
  stride?: number | Pair;
  /** Rows and columns added on each side, at most half the window. */
  padding?: number | Pair;
}

function poolAttrs(
  op: string,
  x: Tensor,
  kernel: number | Pair,
  { stride = kernel, padding = 0 }: PoolOptions,
): PoolAttrs {
  if (x.rank !== 4) throw new ShapeError(op, [x.shape], 'x [n, c, h, w]');
  if (x.dtype !== 'f32') throw new DTypeError(op, 'f32', x.dtype);
  const attrs = {
    kernel: pairOf(op, 'kernel', kernel, 1),
    stride: pairOf(op, 'stride', stride, 1),
    padding: pairOf(op, 'padding', padding, 0),
  };
  if (attrs.padding.some((p, d) => 2 * p > attrs.kernel[d]!))
    throw new ShapeError(op, [attrs.kernel, attrs.padding], 'padding of at most half the kernel');
  return { ...attrs, channelsLast: false };
}

/**
 * Largest element of each window; padding never wins, a tie's gradient goes to the first. Notes 6.3.
 *
 * @param x [n, c, h, w] f32
 * @param kernel size of the window; a pair is [vertical, horizontal]
 * @returns [n, c, h', w'] with h' = ⌊(h + 2 padding − kernel) / stride⌋ + 1
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError for an option out of range
 */
export function maxPool2d(x: Tensor, kernel: number | Pair, options: PoolOptions = {}): Tensor {
  return emit(maxPool2dOp, [x], poolAttrs('maxPool2d', x, kernel, options));
}

/**
 * Mean of each window. Notes 6.3.
 *
 * @param x [n, c, h, w] f32
 * @param kernel size of the window; a pair is [vertical, horizontal]
 * @param options `countIncludePad` (default true): count padding as zeros in the mean
 * @returns [n, c, h', w'] as maxPool2d
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError for an option out of range
 */
export function avgPool2d(
  x: Tensor,
  kernel: number | Pair,
  { countIncludePad = true, ...options }: PoolOptions & { countIncludePad?: boolean } = {},
): Tensor {
  return emit(avgPool2dOp, [x], { ...poolAttrs('avgPool2d', x, kernel, options), countIncludePad });
}

/**
 * Mean of each channel's image (Lin et al. 2014, section 3.2).
 *
 * @param x [n, c, h, w] f32
 * @returns [n, c, 1, 1]
 * @throws ShapeError unless x has four axes, DTypeError unless it is f32
 */
export function globalAvgPool2d(x: Tensor): Tensor {
  if (x.rank !== 4) throw new ShapeError('globalAvgPool2d', [x.shape], 'x [n, c, h, w]');
  return mean(x, { axes: [2, 3], keepdim: true });
}

export interface Pool1dOptions {
  /** Step of the window; default its size. */
  stride?: number;
  /** Elements added on each side, at most half the window. */
  padding?: number;
}

const rowPool = (op: string, x: Tensor, kernel: number, { stride = kernel, padding = 0 }: Pool1dOptions) => {
  if (x.rank !== 3) throw new ShapeError(op, [x.shape], 'x [n, c, w]');
  return [asRow(x), [1, kernel], { stride: [1, stride], padding: [0, padding] }] as const;
};

/**
 * Largest element of each window of a sequence: maxPool2d over images one row high.
 *
 * @param x [n, c, w] f32
 * @returns [n, c, w'] with w' = ⌊(w + 2 padding − kernel) / stride⌋ + 1
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError for an option out of range
 */
export function maxPool1d(x: Tensor, kernel: number, options: Pool1dOptions = {}): Tensor {
  return fromRow(maxPool2d(...rowPool('maxPool1d', x, kernel, options)));
}

/**
 * Mean of each window of a sequence: avgPool2d over images one row high.
 *
 * @param x [n, c, w] f32
 * @param options `countIncludePad` (default true): count padding as zeros in the mean
 * @returns [n, c, w'] as maxPool1d
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError for an option out of range
 */
export function avgPool1d(
  x: Tensor,
  kernel: number,
  { countIncludePad = true, ...options }: Pool1dOptions & { countIncludePad?: boolean } = {},
): Tensor {
  const [row, window, steps] = rowPool('avgPool1d', x, kernel, options);
  return fromRow(avgPool2d(row, window, { ...steps, countIncludePad }));
}

/** Integers up to here are exact in f32. */
const EXACT_INTEGERS = 2 ** 24;

/**
 * Where maxPool2d found the largest element of each window, for `maxUnpool2d`. No gradient.
 *
 * @param x [n, c, h, w] f32 with h · w ≤ 2^24; other arguments as maxPool2d
 * @returns i32 [n, c, h', w'], positions y · w + x in the image plane
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError for an option out of range
 */
export function maxPool2dIndices(x: Tensor, kernel: number | Pair, options: PoolOptions = {}): Tensor {
  const attrs = poolAttrs('maxPool2dIndices', x, kernel, options);
  const [h, w] = [x.shape[2]!, x.shape[3]!];
  if (h * w > EXACT_INTEGERS)
    throw new ShapeError('maxPool2dIndices', [x.shape], 'x [n, c, h, w] with h w <= 2^24');
  const positions = reshape(cast(iota([h * w], 0), 'f32'), [h, w]);
  return cast(emit(maxPool2dPickOp, [detach(x), broadcast(positions, x.shape)], attrs), 'i32');
}

/**
 * Inverse of a maxPool2d whose windows do not overlap (stride = kernel, no padding): each element goes back to where it
 * was the largest, zeros elsewhere (Zeiler and Fergus 2014, section 2.1). Notes 6.3.
 *
 * @param x [n, c, h, w] f32
 * @param index i32 [n, c, h, w] from `maxPool2dIndices`; an element whose index is outside its window is dropped
 * @param kernel size of the window; a pair is [vertical, horizontal]
 * @param options `outputSize` [h', w'] of the image that was pooled, default [h kernel, w kernel], less than a window more
 * @returns [n, c, h', w']
 * @throws ShapeError, DTypeError unless x is f32 and index i32, ArgumentError for an option out of range
 */
export function maxUnpool2d(
  x: Tensor,
  index: Tensor,
  kernel: number | Pair,
  { outputSize }: { outputSize?: Pair } = {},
): Tensor {
  if (x.rank !== 4 || !sameShape(x.shape, index.shape))
    throw new ShapeError('maxUnpool2d', [x.shape, index.shape], 'x and index [n, c, h, w]');
  if (x.dtype !== 'f32' || index.dtype !== 'i32')
    throw new DTypeError('maxUnpool2d', 'x f32 and index i32', `${x.dtype} and ${index.dtype}`);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [kh, kw] = pairOf('maxUnpool2d', 'kernel', kernel, 1);
  const [coveredH, coveredW] = [h * kh, w * kw];
  const [outH, outW] = outputSize ?? [coveredH, coveredW];
  const [restH, restW] = [outH - coveredH, outW - coveredW];
  if (!(restH >= 0 && restH < kh && restW >= 0 && restW < kw))
    throw new ArgumentError(
      'maxUnpool2d',
      `an outputSize that [${kh}, ${kw}] pools to [${h}, ${w}]`,
      outputSize,
    );
  // Every element in all places of its window, and those places.
  const repeated = (t: Tensor) =>
    reshape(broadcast(reshape(t, [n, c, h, 1, w, 1]), [n, c, h, kh, w, kw]), [n, c, coveredH, coveredW]);
  const places = add(mul(iota([coveredH, coveredW], 0), outW), iota([coveredH, coveredW], 1));
  const values = repeated(x);
  const y = where(eq(repeated(index), places), values, zerosLike(values));
  return pad(y, [
    [0, 0],
    [0, 0],
    [0, restH],
    [0, restW],
  ]);
}
