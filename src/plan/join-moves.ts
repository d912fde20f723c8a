import { sizeOf, stridesOf, type Tensor } from '../graph/index.ts';
import {
  bindingsOf,
  producersOf,
  readersOf,
  takesEpilogue,
  type Kernel,
  type KernelLimits,
} from './kernel.ts';
import type { Prepared } from './prepare.ts';
import { isContiguous, type Axis, type View } from './view.ts';

/** Where each element of a value goes in what takes it in: at offset + Σ coordinate · stride of its flat index. */
export interface Destination {
  readonly axes: readonly Axis[];
  readonly offset: number;
}

/**
 * Let kernels store their results where a concatenation or a copy in another axis order would only have moved them.
 */
export function joinMoves(
  kernels: readonly Kernel[],
  prepared: Prepared,
  { maxBindings }: KernelLimits,
): readonly Kernel[] {
  const { views, outputs, updates } = prepared;
  const readers = readersOf(kernels, prepared);
  const results = new Set<Tensor>([...outputs, ...updates.keys()]);
  /** The present form of each kernel; `null` when another one has taken over its work. */
  const now = new Map<Kernel, Kernel | null>(kernels.map((kernel) => [kernel, kernel]));
  const producer = producersOf(kernels);
  for (const kernel of kernels) {
    const [node] = kernel.epilogue;
    if (kernel.anchor || kernel.lines || kernel.epilogue.length > 1 || updates.has(node!)) continue;
    if (node!.op.name !== 'concat' && node!.op.name !== 'copy') continue;
    const bases = node!.inputs.map((input) => views.get(input)!.base);
    const source = producer.get(bases[0]!);
    const target = source && now.get(source);
    if (!target || target.lines || (target.anchor && !takesEpilogue(target.anchor))) continue;
    const isMoved = bases.every(
      (base, i) =>
        producer.get(base) === source &&
        // The last group of four elements may run over the end.
        (target.anchor || base.size % 4 === 0) &&
        destinationOf(node!, i, views),
    );
    if (!isMoved || new Set(bases).size < bases.length) continue;
    const isNeeded = (value: Tensor) =>
      results.has(value) || !bases.includes(value) || readers.get(value)!.some((reader) => reader !== kernel);
    const joined: Kernel = {
      ...target,
      epilogue: [...target.epilogue, node!],
      stores: [...target.stores.filter(isNeeded), node!],
    };
    if (bindingsOf(joined, prepared) > maxBindings) continue;
    now.set(source!, joined);
    now.set(kernel, null);
    producer.set(node!, source!);
  }
  return [...now.values()].filter((kernel) => kernel !== null);
}

/** True for a concatenation or copy whose parts are computed in the same kernel, each at the place of its own elements. */
export const isMove = (node: Tensor, inside: ReadonlySet<Tensor>, views: Prepared['views']): boolean =>
  (node.op.name === 'concat' || (node.op.name === 'copy' && !isContiguous(views.get(node.inputs[0]!)!))) &&
  node.inputs.every((input) => inside.has(views.get(input)!.base));

/** Where elements of an input of `node` go; `null` where not every one of them goes to exactly one place. */
export function destinationOf(node: Tensor, position: number, views: Prepared['views']): Destination | null {
  const view = views.get(node.inputs[position]!)!;
  if (node.op.name === 'copy') return inverse(view);
  if (!isContiguous(view) || view.base.size !== sizeOf(view.shape)) return null;
  const axis = node.attrs.axis as number;
  const inner = sizeOf(node.shape.slice(axis + 1));
  const before = node.inputs.slice(0, position).reduce((sum, input) => sum + input.shape[axis]!, 0);
  const outer = { size: sizeOf(node.shape.slice(0, axis)), stride: node.shape[axis]! * inner };
  const axes = [outer, { size: view.shape[axis]! * inner, stride: 1 }].filter(({ size }) => size > 1);
  return { axes, offset: before * inner };
}

/** The way back from a view that only reorders the axes of its base. */
function inverse({ base, shape, strides, offset }: View): Destination | null {
  const to = stridesOf(shape);
  const axes = shape
    .flatMap((size, axis) => (size > 1 ? [{ size, from: strides[axis]!, stride: to[axis]! }] : []))
    .sort((a, b) => b.from - a.from);
  const isWhole = offset === 0 && base.size === sizeOf(shape);
  const steps = stridesOf(axes.map(({ size }) => size));
  return isWhole && axes.every(({ from }, i) => from === steps[i]) ? { axes, offset: 0 } : null;
}
