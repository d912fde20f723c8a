import { defineOp, DTypeError, emit, ShapeError, sizeOf, type Tensor } from '../graph/index.ts';
import { normalizeAxes, normalizeAxis } from './axes.ts';
import { broadcast, sum, withOnes, without, type ReduceOptions } from './broadcast.ts';
import { eq, mul, sub, where } from './pointwise.ts';
import { iota, zerosLike } from './source.ts';
import { reshape } from './view.ts';

/** Mean over axes: sum / number of elements reduced. x must be f32. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (x.dtype !== 'f32') throw new DTypeError('mean', 'f32', x.dtype);
  const count = sizeOf(normalizeAxes('mean', options.axes, x.shape).map((axis) => x.shape[axis]!));
  return mul(sum(x, options), 1 / count);
}

/** Variance over axes: mean of (x - mean)², divided by n - `correction` (default 0, biased). */
export function variance(
  x: Tensor,
  { correction = 0, ...options }: ReduceOptions & { correction?: number } = {},
): Tensor {
  const count = sizeOf(normalizeAxes('variance', options.axes, x.shape).map((axis) => x.shape[axis]!));
  const centred = sub(x, mean(x, { ...options, keepdim: true }));
  return mul(sum(mul(centred, centred), options), 1 / (count - correction));
}

export const maxOp = defineOp<'max', { axis: number }>({
  name: 'max',
  kind: 'kernel',
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
  kind: 'kernel',
  shape: ([x], { axis }) => nonEmpty('argmax', x!, axis),
  dtype: () => 'i32',
  vjp: null,
});

function nonEmpty(op: string, x: Tensor, axis: number): number[] {
  if (x.shape[axis] === 0) throw new ShapeError(op, [x.shape], `at least one element along axis ${axis}`);
  return without(x.shape, [axis]);
}

/** Largest element over axes. The gradient of a tie goes to the first of the equal elements. */
export function max(x: Tensor, { axes, keepdim = false }: ReduceOptions = {}): Tensor {
  const list = normalizeAxes('max', axes, x.shape);
  let result = x;
  for (const axis of [...list].reverse()) result = emit(maxOp, [result], { axis });
  return reshape(result, keepdim ? withOnes(x.shape, list) : without(x.shape, list));
}

/** Smallest element over axes; ties as in `max`. */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return mul(max(mul(x, -1), options), -1);
}

/** Index of the first largest element along `axis`, as i32. Not differentiable. */
export function argmax(x: Tensor, axis = -1, keepdim = false): Tensor {
  const at = normalizeAxis('argmax', axis, x.shape);
  const result = emit(argmaxOp, [x], { axis: at });
  return keepdim ? reshape(result, withOnes(x.shape, [at])) : result;
}

/** A boolean tensor with one `true` along the last axis. index [...] i32 → [..., classes]. */
export function oneHot(index: Tensor, classes: number): Tensor {
  const shape = [...index.shape, classes];
  return eq(
    broadcast(reshape(index, [...index.shape, 1]), shape),
    iota(shape, shape.length - 1, index.dtype),
  );
}
