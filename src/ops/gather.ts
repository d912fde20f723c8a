import {
  ArgumentError,
  defineOp,
  DTypeError,
  emit,
  ShapeError,
  type Op,
  type Tensor,
} from '../graph/index.ts';
import { normalizeAxis } from './axes.ts';

function requireIndex(op: string, index: Tensor): void {
  if (index.dtype !== 'i32' && index.dtype !== 'u32')
    throw new DTypeError(op, 'i32 or u32 indices', index.dtype);
}

export const gatherOp: Op<'gather', { axis: number }> = defineOp({
  name: 'gather',
  kind: 'indexed',
  shape([x, index], { axis }) {
    if (x!.rank !== index!.rank || !index!.shape.every((size, i) => i === axis || size === x!.shape[i])) {
      throw new ShapeError(
        'gather',
        [x!.shape, index!.shape],
        `an index shaped like x but along axis ${axis}`,
      );
    }
    return index!.shape;
  },
  vjp: (dy, [x, index], { axis }) => [
    emit(scatterAddOp, [index!, dy], { axis, size: x!.shape[axis]! }),
    null,
  ],
});

/**
 * y[.., j, ..] = x[.., index[.., j, ..], ..] along `axis`. Indices outside the axis read 0.
 *
 * @param x [.., n, ..]
 * @param index i32 or u32 [.., m, ..], shaped like x except along `axis`
 * @returns [.., m, ..], the dtype of x
 * @throws ShapeError, DTypeError for an index that is not an integer, ArgumentError for an axis out of range
 */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  requireIndex('gather', index);
  return emit(gatherOp, [x, index], { axis: normalizeAxis('gather', axis, x.shape) });
}

export const scatterAddOp: Op<'scatterAdd', { axis: number; size: number }> = defineOp({
  name: 'scatterAdd',
  kind: 'kernel',
  shape([index, source], { axis, size }) {
    if (index!.rank !== source!.rank || !index!.shape.every((n, i) => n === source!.shape[i])) {
      throw new ShapeError('scatterAdd', [index!.shape, source!.shape], 'index and source of one shape');
    }
    return index!.shape.map((n, i) => (i === axis ? size : n));
  },
  dtype: ([, source]) => source!.dtype,
  vjp: (dy, [index], { axis }) => [null, emit(gatherOp, [dy, index!], { axis })],
});

/**
 * The adjoint of gather: zeros with `size` along `axis`, and source added where index points.
 * Sums run in index order, so results do not depend on timing.
 *
 * @param index i32 or u32, shaped like `source`; indices outside the axis add nothing
 * @param source [.., m, ..]
 * @returns [.., size, ..], the dtype of `source`
 * @throws ArgumentError unless size is a positive integer, ShapeError, DTypeError
 */
export function scatterAdd(index: Tensor, source: Tensor, axis: number, size: number): Tensor {
  requireIndex('scatterAdd', index);
  if (source.dtype === 'bool') throw new DTypeError('scatterAdd', 'a source of f32, i32 or u32', 'bool');
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError('scatterAdd', 'a positive integer size', size);
  return emit(scatterAddOp, [index, source], { axis: normalizeAxis('scatterAdd', axis, source.shape), size });
}

export const embeddingOp: Op<'embedding', Record<never, never>> = defineOp({
  name: 'embedding',
  kind: 'indexed',
  shape([weight, index]) {
    if (weight!.rank !== 2)
      throw new ShapeError('embedding', [weight!.shape, index!.shape], 'weight [rows, width] and any index');
    return [...index!.shape, weight!.shape[1]!];
  },
  vjp: (dy, [weight, index]) => [emit(embeddingGradOp, [index!, dy], { rows: weight!.shape[0]! }), null],
});

/** The adjoint of embedding: repeated indices add up, in index order. */
export const embeddingGradOp: Op<'embeddingGrad', { rows: number }> = defineOp({
  name: 'embeddingGrad',
  kind: 'kernel',
  shape: ([, dy], { rows }) => [rows, dy!.shape.at(-1)!],
  dtype: ([, dy]) => dy!.dtype,
  vjp: (dW, [index]) => [null, emit(embeddingOp, [dW, index!], {})],
});

/**
 * Rows of a table. Indices outside it read 0.
 *
 * @param weight [rows, width]
 * @param index [...] i32 or u32
 * @returns [..., width]
 * @throws ShapeError unless `weight` is a matrix, DTypeError for an index that is not an integer
 */
export function embedding(weight: Tensor, index: Tensor): Tensor {
  requireIndex('embedding', index);
  return emit(embeddingOp, [weight, index], {});
}
