import { defineOp, DTypeError, emit, ShapeError, type Op, type Tensor } from '../graph/index.ts';
import { pairOf } from './axes.ts';
import { imageSizes, windowOutputSize } from './conv.ts';
import { mean } from './reduce.ts';

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
