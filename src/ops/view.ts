import {
  ArgumentError,
  defineOp,
  emit,
  inversePermutation,
  isIdentityPermutation,
  sameShape,
  ShapeError,
  sizeOf,
  type Shape,
  type Tensor,
} from '../graph/index.ts';
import { normalizeAxis } from './axes.ts';

export const reshapeOp = defineOp<'reshape', { shape: Shape }>({
  name: 'reshape',
  kind: 'view',
  shape([x], { shape }) {
    if (sizeOf(shape) !== x!.size)
      throw new ShapeError('reshape', [x!.shape], `as many elements as [${shape.join(', ')}]`);
    return shape;
  },
  vjp: (cotangent, [x]) => [reshape(cotangent, x!.shape)],
});

/**
 * The same elements in C order under another shape.
 *
 * @param shape one size may be -1: it is what remains
 * @returns a tensor of `shape`; x itself when that is its shape already
 * @throws ShapeError when the number of elements differs
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = sizeOf(shape.filter((size) => size !== -1));
  const full = shape.map((size) => (size === -1 ? x.size / known : size));
  if (
    shape.filter((size) => size === -1).length > 1 ||
    !full.every((size) => Number.isInteger(size) && size >= 0)
  ) {
    throw new ShapeError('reshape', [x.shape], `a shape that fits [${shape.join(', ')}]`);
  }
  return sameShape(full, x.shape) ? x : emit(reshapeOp, [x], { shape: full });
}

/**
 * All axes from `start` on as one.
 *
 * @param x [a, b, c, ...]
 * @param start default 1: everything but the batch axis
 * @returns [a, b · c · ...] for `start` 1
 * @throws ArgumentError for an axis out of range
 */
export function flatten(x: Tensor, start = 1): Tensor {
  const from = normalizeAxis('flatten', start, x.shape);
  return reshape(x, [...x.shape.slice(0, from), sizeOf(x.shape.slice(from))]);
}

export const permuteOp = defineOp<'permute', { perm: readonly number[] }>({
  name: 'permute',
  kind: 'view',
  shape: ([x], { perm }) => perm.map((axis) => x!.shape[axis]!),
  vjp: (cotangent, _, { perm }) => [permute(cotangent, inversePermutation(perm))],
});

/**
 * Reorder axes: result.shape[i] = x.shape[perm[i]].
 *
 * @param perm every axis of x once; negative axes count from the end
 * @throws ArgumentError when `perm` is not a permutation of the axes of x
 */
export function permute(x: Tensor, perm: readonly number[]): Tensor {
  const axes = perm.map((axis) => normalizeAxis('permute', axis, x.shape));
  if (axes.length !== x.rank || new Set(axes).size !== x.rank)
    throw new ArgumentError('permute', `a permutation of ${x.rank} axes`, perm);
  return isIdentityPermutation(axes) ? x : emit(permuteOp, [x], { perm: axes });
}

/**
 * Swap two axes; by default the last two (the matrix transpose).
 *
 * @param x [..., m, n]
 * @returns [..., n, m] for the default axes
 * @throws ShapeError for fewer than two axes, ArgumentError for an axis out of range
 */
export function transpose(x: Tensor, axisA = -2, axisB = -1): Tensor {
  if (x.rank < 2) throw new ShapeError('transpose', [x.shape], 'at least two axes');
  const perm = x.shape.map((_, axis) => axis);
  const [a, b] = [normalizeAxis('transpose', axisA, x.shape), normalizeAxis('transpose', axisB, x.shape)];
  [perm[a], perm[b]] = [perm[b]!, perm[a]!];
  return permute(x, perm);
}
