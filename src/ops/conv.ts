import {
  ArgumentError,
  defineOp,
  DTypeError,
  emit,
  ShapeError,
  type Op,
  type Shape,
  type Tensor,
} from '../graph/index.ts';
import { pairOf } from './axes.ts';
import { add } from './pointwise.ts';
import { slice } from './slice.ts';
import { reshape } from './view.ts';

type Pair = readonly [vertical: number, horizontal: number];

export interface ConvAttrs {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  /**
   * Physical order of the axes. Users see NCHW images and OIHW weights; the layout pass turns a
   * convolution into NHWC images and HWIO weights (`channelsLast`).
   */
  readonly channelsLast: boolean;
}

/** Convolutions, pools and upsampling, with their gradients. */
export const isImageOp = (name: string): boolean => /^(conv|maxPool|avgPool|upsample)/.test(name);

/** ⌊(w + 2 padding − dilation (k − 1) − 1) / stride⌋ + 1. Notes 6.4. */
export function windowOutputSize(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Logical sizes of an image tensor in either layout. */
export function imageSizes(
  x: { readonly shape: Shape },
  channelsLast: boolean,
): { n: number; c: number; h: number; w: number } {
  const [n, a, b, c] = x.shape as [number, number, number, number];
  return channelsLast ? { n, h: a, w: b, c } : { n, c: a, h: b, w: c };
}

/** Logical sizes of a convolution weight in either layout; `i` counts the channels of one group. */
export function kernelSizes(
  weight: { readonly shape: Shape },
  channelsLast: boolean,
): { o: number; i: number; kh: number; kw: number } {
  const [a, b, c, d] = weight.shape as [number, number, number, number];
  return channelsLast ? { kh: a, kw: b, i: c, o: d } : { o: a, i: b, kh: c, kw: d };
}

const imageShape = (n: number, c: number, [h, w]: Pair, last: boolean) =>
  last ? [n, h, w, c] : [n, c, h, w];
const weightShape = (o: number, i: number, [kh, kw]: Pair, last: boolean) =>
  last ? [kh, kw, i, o] : [o, i, kh, kw];
/** The part of y that lies within `shape`. The last rows of a transposed convolution may come from none of its inputs. */
const cropped = (y: Tensor, shape: Shape) =>
  slice(
    y,
    shape.map((size) => [0, size]),
  );

export const conv2dOp: Op<'conv2d', ConvAttrs> = defineOp({
  name: 'conv2d',
  kind: 'kernel',
  shape([x, weight], { stride, padding, dilation, groups, channelsLast }) {
    const { n, c, h, w } = imageSizes(x!, channelsLast);
    const { o, i, kh, kw } = kernelSizes(weight!, channelsLast);
    if (c !== i * groups || o % groups !== 0) {
      throw new ShapeError(
        'conv2d',
        [x!.shape, weight!.shape],
        `x [n, c, h, w] and weight [o, c / ${groups}, kh, kw] with o a multiple of groups ${groups}`,
      );
    }
    const oh = windowOutputSize(h, kh, stride[0], padding[0], dilation[0]);
    const ow = windowOutputSize(w, kw, stride[1], padding[1], dilation[1]);
    if (oh < 1 || ow < 1)
      throw new ShapeError('conv2d', [x!.shape, weight!.shape], 'a kernel no larger than the padded image');
    return imageShape(n, o, [oh, ow], channelsLast);
  },
  vjp(dy, [x, weight], attrs) {
    const { h, w } = imageSizes(x!, attrs.channelsLast);
    const { kh, kw } = kernelSizes(weight!, attrs.channelsLast);
    return [
      emit(convTranspose2dOp, [dy, weight!], { ...attrs, outputSize: [h, w] }),
      emit(conv2dWeightGradOp, [x!, dy], { ...attrs, kernelSize: [kh, kw] }),
    ];
  },
});

/** The adjoint of conv2d in x: `outputSize` says which of the possible image sizes is meant. */
export const convTranspose2dOp: Op<'convTranspose2d', ConvAttrs & { readonly outputSize: Pair }> = defineOp({
  name: 'convTranspose2d',
  kind: 'kernel',
  shape([y, weight], { groups, outputSize, channelsLast }) {
    const { n, c } = imageSizes(y!, channelsLast);
    const { o, i } = kernelSizes(weight!, channelsLast);
    if (c !== o || c % groups !== 0)
      throw new ShapeError(
        'convTranspose2d',
        [y!.shape, weight!.shape],
        `x [n, in, h, w] and weight [in, out / groups, kh, kw]${groups > 1 ? ` with in a multiple of ${groups} groups` : ''}`,
      );
    return imageShape(n, i * groups, outputSize, channelsLast);
  },
  vjp(dx, [y, weight], { outputSize: _, ...attrs }) {
    const { kh, kw } = kernelSizes(weight!, attrs.channelsLast);
    return [
      cropped(emit(conv2dOp, [dx, weight!], attrs), y!.shape),
      emit(conv2dWeightGradOp, [dx, y!], { ...attrs, kernelSize: [kh, kw] }),
    ];
  },
});

/** The adjoint of conv2d in its weight. */
export const conv2dWeightGradOp: Op<'conv2dWeightGrad', ConvAttrs & { readonly kernelSize: Pair }> = defineOp(
  {
    name: 'conv2dWeightGrad',
    kind: 'kernel',
    shape([x, dy], { kernelSize, groups, channelsLast }) {
      return weightShape(
        imageSizes(dy!, channelsLast).c,
        imageSizes(x!, channelsLast).c / groups,
        kernelSize,
        channelsLast,
      );
    },
    vjp(dW, [x, dy], { kernelSize: _, ...attrs }) {
      const { h, w } = imageSizes(x!, attrs.channelsLast);
      return [
        emit(convTranspose2dOp, [dy!, dW], { ...attrs, outputSize: [h, w] }),
        cropped(emit(conv2dOp, [x!, dW], attrs), dy!.shape),
      ];
    },
  },
);

/**
 * conv2dWeightGrad before its last sum: the batch in `parts` equal runs of images, one gradient each,
 * along a new leading axis. Made by a pass, never by a user.
 */
export const conv2dWeightGradPartsOp = defineOp<
  'conv2dWeightGradParts',
  ConvAttrs & { readonly kernelSize: Pair; readonly parts: number }
>({
  name: 'conv2dWeightGradParts',
  kind: 'kernel',
  shape: (inputs, attrs) => [attrs.parts, ...conv2dWeightGradOp.shape(inputs, attrs)],
  vjp: null,
});

export interface ConvOptions {
  /** Step of the window, ≥ 1; a pair is [vertical, horizontal]. */
  stride?: number | Pair;
  /** Zeros on each side, ≥ 0. */
  padding?: number | Pair;
  /** Distance of neighbouring taps, ≥ 1. */
  dilation?: number | Pair;
  /** Channels are split into this many independent convolutions. */
  groups?: number;
}

function convAttrs(
  op: string,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions,
): ConvAttrs {
  if (!Number.isInteger(groups) || groups < 1)
    throw new ArgumentError(op, 'groups to be a positive integer', groups);
  return {
    stride: pairOf(op, 'stride', stride, 1),
    padding: pairOf(op, 'padding', padding, 0),
    dilation: pairOf(op, 'dilation', dilation, 1),
    groups,
    channelsLast: false,
  };
}

function checkConv(
  op: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  rank: number,
  outputs: number,
): void {
  if (x.rank !== rank || weight.rank !== rank || (bias && (bias.rank !== 1 || bias.shape[0] !== outputs))) {
    throw new ShapeError(
      op,
      [x.shape, weight.shape, ...(bias ? [bias.shape] : [])],
      `x and weight with ${rank} axes${bias ? ' and bias [out]' : ''}`,
    );
  }
  for (const t of [x, weight]) if (t.dtype !== 'f32') throw new DTypeError(op, 'f32', t.dtype);
}

/**
 * 2-D cross-correlation with zero padding (no kernel flip), as the field calls convolution. Notes 6.
 *
 * @param x [n, c, h, w]
 * @param weight [o, c / groups, kh, kw]
 * @param bias [o] or null
 * @returns [n, o, h', w'], h' = ⌊(h + 2 padding − dilation (kh − 1) − 1) / stride⌋ + 1
 * @throws ShapeError, DTypeError unless x and weight are f32, ArgumentError for an option out of range
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvOptions = {},
): Tensor {
  checkConv('conv2d', x, weight, bias, 4, weight.shape[0]!);
  const y = emit(conv2dOp, [x, weight], convAttrs('conv2d', options));
  return bias ? add(y, reshape(bias, [-1, 1, 1])) : y;
}

/** Options of a convolution along one axis. */
export interface Conv1dOptions {
  /** Step of the window, ≥ 1. */
  stride?: number;
  /** Zeros on each side, ≥ 0. */
  padding?: number;
  /** Distance of neighbouring taps, ≥ 1. */
  dilation?: number;
  /** Channels are split into this many independent convolutions. */
  groups?: number;
}

/** A sequence or its kernel [a, b, w] as an image one row high, [a, b, 1, w]. */
export const asRow = (t: Tensor) => reshape(t, [t.shape[0]!, t.shape[1]!, 1, t.shape[2]!]);
export const fromRow = (y: Tensor) => reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]);
const rowOptions = ({ stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv1dOptions): ConvOptions => ({
  stride: [1, stride],
  padding: [0, padding],
  dilation: [1, dilation],
  groups,
});

/**
 * 1-D cross-correlation: conv2d over images one row high.
 *
 * @param x [n, c, w]
 * @param weight [o, c / groups, k]
 * @param bias [o] or null
 * @returns [n, o, w'], w' = ⌊(w + 2 padding − dilation (k − 1) − 1) / stride⌋ + 1
 * @throws ShapeError, DTypeError unless x and weight are f32, ArgumentError for an option out of range
 */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv1dOptions = {},
): Tensor {
  checkConv('conv1d', x, weight, bias, 3, weight.shape[0]!);
  return fromRow(conv2d(asRow(x), asRow(weight), bias, rowOptions(options)));
}

/**
 * Transposed 2-D convolution: the adjoint of conv2d in its image (Dumoulin and Visin 2016, section 4).
 *
 * @param x [n, in, h, w]
 * @param weight [in, out / groups, kh, kw]
 * @param bias [out] or null
 * @param options `outputPadding`: rows and columns more at the end, fewer than `stride` or `dilation`; they say which of
 *   the images that conv2d takes to the size of x is meant
 * @returns [n, out, h', w'], h' = (h − 1) stride − 2 padding + dilation (kh − 1) + outputPadding + 1
 * @throws ShapeError, DTypeError unless x and weight are f32, ArgumentError for an option out of range
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { outputPadding = 0, ...options }: ConvOptions & { outputPadding?: number | Pair } = {},
): Tensor {
  const attrs = convAttrs('convTranspose2d', options);
  checkConv('convTranspose2d', x, weight, bias, 4, weight.shape[1]! * attrs.groups);
  const extra = pairOf('convTranspose2d', 'outputPadding', outputPadding, 0);
  if (extra.some((size, d) => size >= Math.max(attrs.stride[d]!, attrs.dilation[d]!)))
    throw new ArgumentError(
      'convTranspose2d',
      'outputPadding smaller than stride or dilation',
      outputPadding,
    );
  const outputSize = [0, 1].map(
    (d) =>
      (x.shape[2 + d]! - 1) * attrs.stride[d]! -
      2 * attrs.padding[d]! +
      attrs.dilation[d]! * (weight.shape[2 + d]! - 1) +
      extra[d]! +
      1,
  ) as [number, number];
  if (outputSize.some((size) => size < 1))
    throw new ShapeError('convTranspose2d', [x.shape, weight.shape], 'an output of at least 1 x 1');
  const y = emit(convTranspose2dOp, [x, weight], { ...attrs, outputSize });
  return bias ? add(y, reshape(bias, [-1, 1, 1])) : y;
}

/**
 * Transposed 1-D convolution: convTranspose2d over images one row high.
 *
 * @param x [n, in, w]
 * @param weight [in, out / groups, k]
 * @param bias [out] or null
 * @returns [n, out, w'], w' = (w − 1) stride − 2 padding + dilation (k − 1) + outputPadding + 1
 * @throws ShapeError, DTypeError unless x and weight are f32, ArgumentError for an option out of range
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { outputPadding = 0, ...options }: Conv1dOptions & { outputPadding?: number } = {},
): Tensor {
  checkConv('convTranspose1d', x, weight, bias, 3, weight.shape[1]! * (options.groups ?? 1));
  return fromRow(
    convTranspose2d(asRow(x), asRow(weight), bias, {
      ...rowOptions(options),
      outputPadding: [0, outputPadding],
    }),
  );
}
