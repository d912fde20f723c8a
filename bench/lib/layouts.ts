// Reordering between the shared layouts (HWIO kernels, [in, out] weights, NHWC images) and a library's own.
import type { Field } from './types.ts';

/** An array seen with shape `view`, its axes reordered by `perm`, then seen with shape `shape`. */
export interface Layout {
  readonly view: readonly number[];
  readonly perm: readonly number[];
  readonly shape: readonly number[];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const permuteShape = (view: readonly number[], perm: readonly number[]) => perm.map((axis) => view[axis]!);

/** The layout that only reorders the axes of `shape`. */
export function axesLayout(shape: readonly number[], perm: readonly number[]): Layout {
  return { view: shape, perm, shape: permuteShape(shape, perm) };
}

const identity = (shape: readonly number[]) =>
  axesLayout(
    shape,
    shape.map((_, axis) => axis),
  );

/** The CNN's first dense weight reads flattened images: its rows are (h, w, c) in the shared data. */
const CNN_FLATTENED = { name: 'w3', image: [7, 7, 32] };
const isFlattened = (workload: string, name: string) => workload === 'cnn' && name === CNN_FLATTENED.name;

/** For libraries with NCHW images, OIHW kernels and [in, out] weights. */
export function channelsFirst(workload: string, { name, shape }: Field): Layout {
  if (shape.length === 4) return axesLayout(shape, [3, 2, 0, 1]);
  if (isFlattened(workload, name)) {
    const [inputs, outputs] = shape as [number, number];
    return { view: [...CNN_FLATTENED.image, outputs], perm: [2, 0, 1, 3], shape: [inputs, outputs] };
  }
  return identity(shape);
}

/** Matrices whose rows are looked up or added: no layer's weights. */
const TABLES: ReadonlySet<string> = new Set(['tok', 'pos']);

/** For libraries with PyTorch's layouts: NCHW images, OIHW kernels and [out, in] weights. */
export function pytorch(workload: string, { name, shape }: Field): Layout {
  if (shape.length === 4) return axesLayout(shape, [3, 2, 0, 1]);
  if (isFlattened(workload, name)) {
    const [inputs, outputs] = shape as [number, number];
    return { view: [...CNN_FLATTENED.image, outputs], perm: [3, 2, 0, 1], shape: [outputs, inputs] };
  }
  return shape.length === 2 && !TABLES.has(name) ? axesLayout(shape, [1, 0]) : identity(shape);
}

/** Images as NCHW; other data as it is. */
export function imagesFirst({ shape }: Field): Layout {
  return shape.length === 4 ? axesLayout(shape, [0, 3, 1, 2]) : identity(shape);
}

/** Shared order → the library's. */
export function toLibrary<T extends Float32Array | Int32Array>(data: T, { view, perm }: Layout): T {
  return permute(data, view, perm);
}

/** The library's order → shared. */
export function toShared(data: Float32Array, { view, perm }: Layout): Float32Array {
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return permute(data, permuteShape(view, perm), inverse);
}

/** Elements of an array of shape `view` in the order of its permuted axes. */
function permute<T extends Float32Array | Int32Array>(
  data: T,
  view: readonly number[],
  perm: readonly number[],
): T {
  const strides = view.map((_, axis) => sizeOf(view.slice(axis + 1)));
  const sizes = permuteShape(view, perm);
  const steps = perm.map((axis) => strides[axis]!);
  const result = data.slice() as T;
  const index = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = data[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += steps[axis]!;
      if (index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
