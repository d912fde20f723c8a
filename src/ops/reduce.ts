import {
  ArgumentError,
  defineOp,
  DTypeError,
  emit,
  ShapeError,
  sizeOf,
  type Tensor,
} from '../graph/index.ts';
import { normalizeAxes, normalizeAxis } from './axes.ts';
import { broadcast, sum, withOnes, without, type ReduceOptions } from './broadcast.ts';
import { eq, mul, neg, sub, where } from './pointwise.ts';
import { iota, zerosLike } from './source.ts';
import { reshape } from './view.ts';

/** Number of elements that make one of the result. @throws ShapeError for none, whose mean has no value */
function countReduced(op: string, x: Tensor, axes: ReduceOptions['axes']): number {
  const count = sizeOf(normalizeAxes(op, axes, x.shape).map((axis) => x.shape[axis]!));
  if (count === 0) throw new ShapeError(op, [x.shape], 'at least one element to reduce');
  return count;
}

/**
 * Mean over axes: sum / number of elements reduced.
 *
 * @param x [...] f32
 * @returns the shape of x without `axes`, or with size 1 there for `keepdim`
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range, ShapeError for an axis of size 0
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (x.dtype !== 'f32') throw new DTypeError('mean', 'f32', x.dtype);
  const count = countReduced('mean', x, options.axes);
  return mul(sum(x, options), 1 / count);
}

/**
 * Variance over axes: Σ (x − mean)² / (n − correction), n the number of elements reduced.
 *
 * @param x [...] f32
 * @param options `correction` 0 (default) is the biased estimate, 1 the unbiased one
 * @returns the shape of x without `axes`, or with size 1 there for `keepdim`
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range or a correction of n or more, ShapeError
 *   for an axis of size 0
 */
export function variance(
  x: Tensor,
  { correction = 0, ...options }: ReduceOptions & { correction?: number } = {},
): Tensor {
  if (x.dtype !== 'f32') throw new DTypeError('variance', 'f32', x.dtype);
  const count = countReduced('variance', x, options.axes);
  if (!(correction < count))
    throw new ArgumentError(
      'variance',
      `a correction below the number of elements reduced, ${count}`,
      correction,
    );
  const centred = sub(x, mean(x, { ...options, keepdim: true }));
  return mul(sum(mul(centred, centred), options), 1 / (count - correction));
}

export const maxOp = defineOp<'max', { axis: number }>({
  name: 'max',
  kind: 'reduction',
  shape: ([x], { axis }) => nonEmpty('max', x!, axis),
  // Ties go to the first index, where argmax points.
  vjp: (cotangent, [x], { axis }) => {
    const keep = withOnes(x!.shape, [axis]);
    const first = broadcast(reshape(argmax(x!, axis), keep), x!.shape);
    return [
      where(eq(iota(x!.shape, axis), first), broadcast(reshape(cotangent, keep), x!.shape), zerosLike(x!)),
    ];
  },
});

export const argmaxOp = defineOp<'argmax', { axis: number }>({
  name: 'argmax',
  kind: 'reduction',
  shape: ([x], { axis }) => nonEmpty('argmax', x!, axis),
  dtype: () => 'i32',
  vjp: null,
});

/** The shape of x without `axis`. @throws ShapeError when there is nothing along it */
export function nonEmpty(op: string, x: Tensor, axis: number): number[] {
  if (x.shape[axis] === 0) throw new ShapeError(op, [x.shape], `at least one element along axis ${axis}`);
  return without(x.shape, [axis]);
}

/**
 * Largest element over axes. The gradient of a tie goes to the first of the equal elements in C order.
 *
 * @param x [...] of any dtype but bool, with at least one element to choose from
 * @returns the shape of x without `axes`, or with size 1 there for `keepdim`
 * @throws ShapeError for an axis of size 0, ArgumentError for an axis out of range
 */
export function max(x: Tensor, { axes, keepdim = false }: ReduceOptions = {}): Tensor {
  if (x.dtype === 'bool') throw new DTypeError('max', 'f32, i32 or u32', 'bool');
  const list = normalizeAxes('max', axes, x.shape);
  let result = x;
  for (const axis of [...list].reverse()) result = emit(maxOp, [result], { axis });
  return reshape(result, keepdim ? withOnes(x.shape, list) : without(x.shape, list));
}

/**
 * Smallest element over axes; ties as in `max`.
 *
 * @param x [...] of any dtype but bool, with at least one element to choose from
 * @returns the shape of x without `axes`, or with size 1 there for `keepdim`
 * @throws ShapeError for an axis of size 0, ArgumentError for an axis out of range
 */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (x.dtype === 'bool') throw new DTypeError('min', 'f32, i32 or u32', 'bool');
  for (const axis of normalizeAxes('min', options.axes, x.shape)) nonEmpty('min', x, axis);
  // −x of the least i32 overflows and of a u32 does too; −1 − x turns the order of all of them around.
  const turned = (t: Tensor) => (t.dtype === 'f32' ? neg(t) : sub(t.dtype === 'i32' ? -1 : 2 ** 32 - 1, t));
  return turned(max(turned(x), options));
}

/**
 * Index of the first largest element along `axis`. No gradient.
 *
 * @param x [...] of any dtype but bool
 * @returns i32, the shape of x without `axis`, or with size 1 there for `keepdim`
 * @throws ShapeError for an axis of size 0, ArgumentError for an axis out of range
 */
export function argmax(x: Tensor, axis = -1, keepdim = false): Tensor {
  if (x.dtype === 'bool') throw new DTypeError('argmax', 'f32, i32 or u32', 'bool');
  const at = normalizeAxis('argmax', axis, x.shape);
  const result = emit(argmaxOp, [x], { axis: at });
  return keepdim ? reshape(result, withOnes(x.shape, [at])) : result;
}

/**
 * One `true` along a new last axis, at the index; none where it is outside 0 … classes − 1.
 *
 * @param index [...] i32 or u32
 * @returns [..., classes] bool
 * @throws DTypeError for an index that is not an integer, ArgumentError unless `classes` is a positive integer
 */
export function oneHot(index: Tensor, classes: number): Tensor {
  if (index.dtype !== 'i32' && index.dtype !== 'u32')
    throw new DTypeError('oneHot', 'i32 or u32 indices', index.dtype);
  if (!Number.isInteger(classes) || classes < 1)
    throw new ArgumentError('oneHot', 'a positive integer number of classes', classes);
  const shape = [...index.shape, classes];
  return eq(
    broadcast(reshape(index, [...index.shape, 1]), shape),
    iota(shape, shape.length - 1, index.dtype),
  );
}
