import { Parameter, stridesOf, type Shape, type Tensor } from '../graph/index.ts';

/** A tensor seen as elements of another one's buffer: element at `i` is at offset + Σ iₐ · strideₐ. */
export interface View {
  /** The node whose buffer holds the elements. */
  readonly base: Tensor;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Axis order in which a parameter is stored, `null` for the declared one. */
export type StorageOrder = (parameter: Parameter) => readonly number[] | null;

/** The elements of `node` as its own buffer keeps them. */
export function ownView(node: Tensor, storage: StorageOrder): View {
  const perm = node instanceof Parameter ? storage(node) : null;
  if (!perm) return { base: node, shape: node.shape, strides: stridesOf(node.shape), offset: 0 };
  const physical = stridesOf(perm.map((axis) => node.shape[axis]!));
  const strides = new Array<number>(perm.length);
  perm.forEach((axis, position) => (strides[axis] = physical[position]!));
  return { base: node, shape: node.shape, strides, offset: 0 };
}

/** The view op `node` applied to a view of its input; `null` when the result is not affine. */
export function applyView(node: Tensor, x: View): View | null {
  switch (node.op.name) {
    case 'permute': {
      const perm = node.attrs.perm as readonly number[];
      return { ...x, shape: node.shape, strides: perm.map((axis) => x.strides[axis]!) };
    }
    case 'broadcast': {
      const added = node.shape.length - x.shape.length;
      const strides = node.shape.map((size, axis) =>
        axis < added || (x.shape[axis - added] === 1 && size !== 1) ? 0 : x.strides[axis - added]!,
      );
      return { ...x, shape: node.shape, strides };
    }
    case 'slice': {
      const { starts, steps } = node.attrs as { starts: readonly number[]; steps: readonly number[] };
      const offset = starts.reduce((sum, start, axis) => sum + start * x.strides[axis]!, x.offset);
      return {
        ...x,
        shape: node.shape,
        strides: x.strides.map((stride, axis) => stride * steps[axis]!),
        offset,
      };
    }
    default: {
      const strides = reshapeStrides(x, node.shape);
      return strides && { ...x, shape: node.shape, strides };
    }
  }
}

/** Strides of `x` under another shape with the same elements in C order, or `null` when none exist. */
function reshapeStrides(x: View, shape: Shape): number[] | null {
  const axes = collapse(x.shape, x.strides);
  const strides = new Array<number>(shape.length).fill(0);
  let axis = axes.length - 1;
  let inner = 1; // elements of axes[axis] already covered by later axes of `shape`
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    if (axis >= 0 && inner === axes[axis]!.size) {
      axis--;
      inner = 1;
    }
    if (axis < 0 || axes[axis]!.size % (inner * shape[i]!) !== 0) return null;
    strides[i] = axes[axis]!.stride * inner;
    inner *= shape[i]!;
  }
  return strides;
}

/** An axis of a view after merging neighbours that one stride describes. */
export interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** The fewest axes that give the same offsets in C order. A single element has none. */
export function collapse(shape: Shape, strides: readonly number[]): Axis[] {
  const axes: Axis[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const stride = strides[i]!;
    const outer = axes.at(-1);
    if (outer && outer.stride === stride * size) axes[axes.length - 1] = { size: outer.size * size, stride };
    else axes.push({ size, stride });
  });
  return axes;
}

/** True when the elements lie in C order, without gaps, from the start of the buffer. */
export function isContiguous(view: View): boolean {
  const axes = collapse(view.shape, view.strides);
  return view.offset === 0 && (axes.length === 0 || (axes.length === 1 && axes[0]!.stride === 1));
}
