/** Sizes of a tensor's axes, outermost first. A scalar has shape `[]`. */
export type Shape = readonly number[];

/** Number of elements: the product of all axis sizes (1 for a scalar). */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const axis of shape) size *= axis;
  return size;
}

/** Row-major (C order) strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** True when two shapes have the same axes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** `[32, 784]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** NumPy broadcasting of two shapes, or `null` when they do not fit. */
export function broadcastShapes(a: Shape, b: Shape): number[] | null {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const sizeA = a[a.length - rank + axis] ?? 1;
    const sizeB = b[b.length - rank + axis] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) return null;
    result[axis] = sizeA === 1 ? sizeB : sizeA;
  }
  return result;
}

/** Inverse of a permutation: `inverse[perm[i]] = i`. */
export function inversePermutation(perm: readonly number[]): number[] {
  const inverse = new Array<number>(perm.length);
  perm.forEach((axis, position) => (inverse[axis] = position));
  return inverse;
}

/** True when `perm` leaves every axis where it is. */
export function isIdentityPermutation(perm: readonly number[]): boolean {
  return perm.every((axis, position) => axis === position);
}
