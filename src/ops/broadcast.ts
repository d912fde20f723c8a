import {
  broadcastShapes,
  defineOp,
  DTypeError,
  emit,
  sameShape,
  ShapeError,
  type Shape,
  type Tensor,
} from '../graph/index.ts';
import { normalizeAxes, requireSizes } from './axes.ts';
import { reshape } from './view.ts';

export const broadcastOp = defineOp<'broadcast', { shape: Shape }>({
  name: 'broadcast',
  kind: 'view',
  shape([x], { shape }) {
    const result = broadcastShapes(x!.shape, shape);
    if (!result || !sameShape(result, shape))
      throw new ShapeError('broadcast', [x!.shape], `a shape that broadcasts to [${shape.join(', ')}]`);
    return shape;
  },
  vjp(cotangent, [x]) {
    const added = cotangent.rank - x!.rank;
    const axes = cotangent.shape.flatMap((size, axis) =>
      axis < added || (x!.shape[axis - added] === 1 && size !== 1) ? [axis] : [],
    );
    return [reshape(sum(cotangent, { axes }), x!.shape)];
  },
});

/**
 * Repeat x along axes of size 1 and along new leading axes (NumPy's broadcast_to).
 *
 * @returns a tensor of `shape`; x itself when that is its shape already
 * @throws ShapeError when x does not broadcast to `shape`, ArgumentError for a size that is not a whole number
 */
export function broadcast(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : emit(broadcastOp, [x], { shape: requireSizes('broadcast', shape) });
}

export interface ReduceOptions {
  /** Axes to reduce; default all. Negative axes count from the end. */
  axes?: number | readonly number[];
  /** Keep the reduced axes with size 1. */
  keepdim?: boolean;
}

/** `shape` without the axes `axes`. */
export const without = (shape: readonly number[], axes: readonly number[]) =>
  shape.filter((_, axis) => !axes.includes(axis));
/** `shape` with size 1 at the axes `axes`. */
export const withOnes = (shape: readonly number[], axes: readonly number[]) =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

export const sumOp = defineOp<'sum', { axes: readonly number[] }>({
  name: 'sum',
  kind: 'reduction',
  shape: ([x], { axes }) => without(x!.shape, axes),
  vjp: (cotangent, [x], { axes }) => [broadcast(reshape(cotangent, withOnes(x!.shape, axes)), x!.shape)],
});

/**
 * Sum of elements over axes.
 *
 * @param x [...] f32, i32 or u32
 * @returns the shape of x without `axes`, or with size 1 there for `keepdim`
 * @throws DTypeError for bool, ArgumentError for an axis out of range
 */
export function sum(x: Tensor, { axes, keepdim = false }: ReduceOptions = {}): Tensor {
  if (x.dtype === 'bool') throw new DTypeError('sum', 'f32, i32 or u32', 'bool');
  const list = normalizeAxes('sum', axes, x.shape);
  const real = list.filter((axis) => x.shape[axis] !== 1); // a sum over one element is a reshape
  const result = real.length === 0 ? x : emit(sumOp, [x], { axes: real });
  return reshape(result, keepdim ? withOnes(x.shape, list) : without(x.shape, list));
}

/** The sum op itself, without reshaping: `axes` sorted, removed from the result. */
export function emitSum(x: Tensor, axes: readonly number[]): Tensor {
  return emit(sumOp, [x], { axes });
}
