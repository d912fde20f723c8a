import { BYTES_PER_ELEMENT, formatShape, Parameter, type Tensor } from '../graph/index.ts';
import { allocate } from './allocate.ts';
import { fuse, racingUpdates, readsOf, type FuseLimits, type Kernel } from './fuse.ts';
import { prepare, type Prepared } from './prepare.ts';
import { schedule } from './schedule.ts';
import type { StorageOrder } from './view.ts';

/** Buffers are padded to this, so that kernels may touch whole vec4s. */
export const BUFFER_ALIGNMENT = 16;

/** Bytes of a buffer that holds `node`. */
export const paddedBytes = (node: Tensor) =>
  Math.ceil((node.size * BYTES_PER_ELEMENT) / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT;

/** Kernels in order and a slot for every value that passes between them. */
export interface Plan extends Prepared {
  readonly kernels: readonly Kernel[];
  /** Slot of each stored node that is not a parameter's next value. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Bytes of each slot. */
  readonly slots: readonly number[];
}

/**
 * Turn an optimised graph into a plan.
 *
 * @param storage the axis order in which parameters are stored
 */
export function makePlan(
  outputs: readonly Tensor[],
  updates: readonly (readonly [Parameter, Tensor])[],
  storage: StorageOrder,
  limits: FuseLimits,
): Plan {
  // An update is computed in place where nothing else then needs the old value; the others get a copy.
  const separate = new Set<Parameter>();
  for (;;) {
    const prepared = prepare(outputs, updates, storage, separate);
    const kernels = fuse(prepared, limits);
    const racing = kernels.flatMap((kernel) => racingUpdates(kernel, prepared));
    const scheduled = racing.length > 0 ? { blocked: racing } : schedule(kernels, prepared);
    if ('order' in scheduled)
      return { ...prepared, kernels: scheduled.order, ...assignSlots(scheduled.order, prepared) };
    const before = separate.size;
    for (const parameter of scheduled.blocked) separate.add(parameter);
    if (separate.size === before)
      throw new Error('makePlan: a schedule remains impossible with all updates separate');
  }
}

function assignSlots(kernels: readonly Kernel[], { views, outputs, updates }: Prepared) {
  const first = new Map<Tensor, number>();
  const last = new Map<Tensor, number>();
  kernels.forEach((kernel, i) => {
    for (const node of kernel.stores) if (!updates.has(node)) first.set(node, i);
    for (const node of [...readsOf(kernel, views), ...kernel.stores]) last.set(node, i);
  });
  for (const node of outputs) last.set(node, kernels.length);
  return allocate(
    [...first].map(([value, i]) => ({ value, bytes: paddedBytes(value), first: i, last: last.get(value)! })),
  );
}

/** The plan as text: one line per kernel with what it computes, reads and writes. */
export function printPlan({ kernels, views, updates, slotOf, slots }: Plan): string {
  const place = (node: Tensor) => {
    if (node instanceof Parameter) return node.label;
    const parameter = updates.get(node);
    if (parameter) return parameter.label;
    return slotOf.has(node) ? `s${slotOf.get(node)}` : (node.attrs.name ?? node.op.name);
  };
  const lines = kernels.map((kernel, i) => {
    const reads = readsOf(kernel, views).map((node) => `${place(node)}${formatShape(node.shape)}`);
    const stores = kernel.stores.map((node) => `${place(node)}${formatShape(node.shape)}`);
    return `${i}: ${describeKernel(kernel)}(${reads.join(', ')}) -> ${stores.join(', ')}`;
  });
  const total = slots.reduce((sum, bytes) => sum + bytes, 0);
  return [...lines, `${kernels.length} dispatches, ${slots.length} slots of ${total} bytes`].join('\n');
}

/** `mul,sub > sum > log`: prologue, anchor, epilogue. */
export function describeKernel({ prologue, anchor, epilogue }: Kernel): string {
  const names = (nodes: readonly Tensor[]) => nodes.map((node) => node.op.name).join(',');
  return [names(prologue), anchor?.op.name, names(epilogue)].filter(Boolean).join(' > ');
}
