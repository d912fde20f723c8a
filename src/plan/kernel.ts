import { sizeOf, type Shape, type Tensor } from '../graph/index.ts';
import type { PlaceOf } from './place.ts';
import type { Prepared } from './prepare.ts';

/** The lines along the middle axis of [outer, length, inner], each of which is reduced to numbers. Rows have inner = 1. */
export interface Lines {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** `shape` as lines along the neighbouring `axes`. */
export function linesAlong(shape: Shape, axes: readonly number[]): Lines {
  const [first, end] = [axes[0]!, axes.at(-1)! + 1];
  return {
    outer: sizeOf(shape.slice(0, first)),
    length: sizeOf(shape.slice(first, end)),
    inner: sizeOf(shape.slice(end)),
  };
}

/** One dispatch: an optional kernel op with the elementwise work before and after it. Or a loop of dispatches. */
export interface Kernel {
  /** The op that has a kernel file, or the loop; `null` for purely elementwise work. */
  anchor: Tensor | null;
  /** Elementwise nodes computed while reading the anchor's input (reductions only), in order. */
  prologue: Tensor[];
  /** Elementwise nodes computed from the anchor's result, or from loads alone, in order. */
  epilogue: Tensor[];
  /** Nodes of this kernel that are written to buffers. */
  stores: Tensor[];
  /** Set for a kernel that reduces lines: its `epilogue` is all it computes, the reductions among it. */
  readonly lines: Lines | null;
}

export interface KernelLimits {
  /** Storage buffers that one dispatch may bind. */
  readonly maxBindings: number;
  /** Parameters that share buffers; default none. */
  readonly placeOf?: PlaceOf;
}

/** Longer elementwise text gains nothing and costs compile time. */
export const MAX_OPS = 64;

/** Matmul, convolutions, pools and reductions can go on computing with what they would store. */
export const takesEpilogue = (node: Tensor) =>
  node.op.kind !== 'loop' &&
  node.op.name !== 'argmax' &&
  node.op.name !== 'scatterAdd' &&
  node.op.name !== 'embeddingGrad' &&
  !node.op.name.startsWith('attention');

/** Element i of `node` needs exactly element i of this input. */
export const readsInPlace = (node: Tensor, input: number) =>
  (node.op.kind === 'pointwise' && node.op.name !== 'assign') || (node.op.name === 'gather' && input === 1);

/** Element i of the domain of `node` needs exactly element i of this input: of a reduction, and of an assignment too. */
export const readsByElement = (node: Tensor, input: number) =>
  node.op.kind === 'reduction' || node.op.kind === 'pointwise' || readsInPlace(node, input);

/** Elements that a node goes through. */
export const domainOf = (node: Tensor) => (node.op.kind === 'reduction' ? node.inputs[0]!.size : node.size);

/** All that a kernel computes, in order. */
export const nodesOf = ({ prologue, anchor, epilogue }: Kernel): Tensor[] => [
  ...prologue,
  ...(anchor ? [anchor] : []),
  ...epilogue,
];

/** The tensors a kernel reads from buffers, each once. */
export function readsOf(kernel: Kernel, views: Prepared['views']): Tensor[] {
  const inside = new Set<Tensor>([...kernel.prologue, ...kernel.epilogue]);
  if (kernel.anchor) inside.add(kernel.anchor); // last: what the op itself reads is named last
  const reads = new Set<Tensor>();
  for (const node of inside) {
    for (const input of node.inputs) {
      const { base } = views.get(input)!;
      if (!inside.has(base) && base.op.name !== 'fill') reads.add(base);
    }
  }
  return [...reads];
}

/**
 * Storage buffers that a kernel binds: one for each operand of its op, and one for each buffer that generated code reads or
 * writes. A parameter updated in place is one.
 */
export function bindingsOf(kernel: Kernel, { views, updates }: Prepared): number {
  const hasOperands = kernel.anchor?.op.kind === 'kernel';
  const generated = hasOperands ? { ...kernel, anchor: null } : kernel;
  const reads = readsOf(generated, views).filter((base) => base !== kernel.anchor);
  const stores = kernel.stores.map((node) => updates.get(node) ?? node);
  return (hasOperands ? kernel.anchor!.inputs.length : 0) + new Set([...reads, ...stores]).size;
}

/** The kernel that stores each tensor. */
export const producersOf = (kernels: readonly Kernel[]): Map<Tensor, Kernel> =>
  new Map(kernels.flatMap((kernel) => kernel.stores.map((node) => [node, kernel] as const)));

/** The kernels that read each tensor from a buffer. */
export function readersOf(
  kernels: readonly Kernel[],
  { views }: Prepared,
): ReadonlyMap<Tensor, readonly Kernel[]> {
  const readers = new Map<Tensor, Kernel[]>();
  for (const kernel of kernels)
    for (const base of readsOf(kernel, views)) {
      const list = readers.get(base);
      if (list) list.push(kernel);
      else readers.set(base, [kernel]);
    }
  return readers;
}

/** `mul,sub > sum > log`: prologue, anchor, epilogue. `rows: max,sub,exp,sum,div`: what is done with each line. */
export function describeKernel({ prologue, anchor, epilogue, lines }: Kernel): string {
  const names = (nodes: readonly Tensor[]) => nodes.map((node) => node.op.name).join(',');
  if (lines) return `${lines.inner === 1 ? 'rows' : 'columns'}: ${names(epilogue)}`;
  return [names(prologue), anchor?.op.name, names(epilogue)].filter(Boolean).join(' > ');
}
