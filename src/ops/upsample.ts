import {
  ArgumentError,
  defineOp,
  DTypeError,
  emit,
  requireOneOf,
  ShapeError,
  type Op,
  type Tensor,
} from '../graph/index.ts';
import { pairOf } from './axes.ts';
import { imageSizes } from './conv.ts';

type Pair = readonly [vertical: number, horizontal: number];

export interface UpsampleAttrs {
  readonly mode: 'nearest' | 'bilinear';
  readonly alignCorners: boolean;
  readonly inputSize: Pair;
  readonly outputSize: Pair;
  /** NHWC instead of NCHW; set by the layout pass only. */
  readonly channelsLast: boolean;
}

/** Along one axis, output i lies at input position max(i · step + start, 0) / unit: integers, so nothing is rounded. */
export interface UpsampleGrid {
  readonly step: number;
  readonly start: number;
  readonly unit: number;
}

/** The grid along axis 0 (vertical) or 1. */
export function upsampleGrid(
  { mode, alignCorners, inputSize, outputSize }: UpsampleAttrs,
  axis: 0 | 1,
): UpsampleGrid {
  const [size, out] = [inputSize[axis], outputSize[axis]];
  // The output that the left edge of pixel i falls into.
  if (mode === 'nearest') return { step: size, start: 0, unit: out };
  // The first and the last pixels' centres coincide: i (size − 1) / (out − 1).
  if (alignCorners) return { step: size - 1, start: 0, unit: Math.max(out - 1, 1) };
  // The images' edges coincide: (i + 1/2) size / out − 1/2.
  return { step: 2 * size, start: size - out, unit: 2 * out };
}

export const upsampleOp: Op<'upsample', UpsampleAttrs> = defineOp({
  name: 'upsample',
  kind: 'kernel',
  shape([x], { outputSize: [h, w], channelsLast }) {
    const { n, c } = imageSizes(x!, channelsLast);
    return channelsLast ? [n, h, w, c] : [n, c, h, w];
  },
  vjp: (dy, _, attrs) => [emit(upsampleGradOp, [dy], attrs)],
});

/** The adjoint of upsample. */
export const upsampleGradOp: Op<'upsampleGrad', UpsampleAttrs> = defineOp({
  name: 'upsampleGrad',
  kind: 'kernel',
  shape([dy], { inputSize: [h, w], channelsLast }) {
    const { n, c } = imageSizes(dy!, channelsLast);
    return channelsLast ? [n, h, w, c] : [n, c, h, w];
  },
  vjp: (dx, _, attrs) => [emit(upsampleOp, [dx], attrs)],
});

export interface UpsampleOptions {
  /** How many times larger the image becomes; positive integers, a pair is [vertical, horizontal]. */
  scale?: number | Pair;
  /** The new size, instead of `scale`. It may be smaller; nothing is averaged then. */
  size?: number | Pair;
  /** `'nearest'` (default) repeats elements, `'bilinear'` blends the nearest two along each axis. */
  mode?: 'nearest' | 'bilinear';
  /** Bilinear: let the centres of the corner pixels coincide, instead of the edges of the images. Default false. */
  alignCorners?: boolean;
}

/** Positions are 32-bit integers up to twice the product of an axis' two sizes. */
const LARGEST_PRODUCT = 2 ** 29;

/**
 * Resize images, as `torch.nn.functional.interpolate`. Output i is the input at
 * - nearest: ⌊i · h / h'⌋
 * - bilinear: (i + 1/2) h / h' − 1/2, or i (h − 1) / (h' − 1) with `alignCorners`; positions outside are those of the edge
 *
 * @param x [n, c, h, w] f32
 * @returns [n, c, h', w'], h' = scale · h or `size`
 * @throws ShapeError, DTypeError unless x is f32, ArgumentError unless one of `scale` and `size` is given and for an
 *   option out of range
 */
export function upsample(
  x: Tensor,
  { scale, size, mode = 'nearest', alignCorners = false }: UpsampleOptions,
): Tensor {
  if (x.rank !== 4) throw new ShapeError('upsample', [x.shape], 'x [n, c, h, w]');
  if (x.dtype !== 'f32') throw new DTypeError('upsample', 'f32', x.dtype);
  if ((scale === undefined) === (size === undefined))
    throw new ArgumentError('upsample', 'either scale or size', scale === undefined ? 'neither' : 'both');
  requireOneOf('upsample', 'mode', ['nearest', 'bilinear'], mode);
  if (alignCorners && mode === 'nearest')
    throw new ArgumentError('upsample', "alignCorners with mode 'bilinear' only", mode);
  const [h, w] = [x.shape[2]!, x.shape[3]!];
  const factor = pairOf('upsample', 'scale', scale ?? 1, 1);
  const outputSize =
    size === undefined ? [h * factor[0], w * factor[1]] : pairOf('upsample', 'size', size, 1);
  const [outH, outW] = outputSize as [number, number];
  if (h === 0 || w === 0) throw new ShapeError('upsample', [x.shape], 'an image of at least 1 x 1');
  if (h * outH >= LARGEST_PRODUCT || w * outW >= LARGEST_PRODUCT)
    throw new ArgumentError('upsample', 'sizes before and after with products below 2^29', outputSize);
  if (h === outH && w === outW) return x;
  return emit(upsampleOp, [x], {
    mode,
    alignCorners,
    inputSize: [h, w],
    outputSize: [outH, outW],
    channelsLast: false,
  });
}
