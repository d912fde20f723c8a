import { Parameter, type Tensor } from '../graph/index.ts';
import { describeKernel, readersOf, readsOf, type Kernel } from './kernel.ts';
import type { Place, PlaceOf } from './place.ts';
import type { Prepared } from './prepare.ts';

/** Values that share a slot: gradients, in the same places relative to each other as their parameters. */
export interface Block {
  readonly bytes: number;
  /** Offset of each in bytes. */
  readonly offsets: ReadonlyMap<Tensor, number>;
}

/** A kernel that updates parameters from a gradient in memory, and nothing else. */
interface UpdateKernel {
  readonly kernel: Kernel;
  readonly gradient: Tensor;
  readonly place: Place;
}

/**
 * Parameters that a kernel updates although it reads, through another binding, what shares a buffer with them: WebGPU does
 * not let one dispatch bind a buffer both for reading and for writing.
 */
export function updatesBesideReads(
  kernel: Kernel,
  { views, updates }: Prepared,
  placeOf: PlaceOf,
): Parameter[] {
  const stored = kernel.stores.flatMap((node) => updates.get(node) ?? []);
  const read = new Set<object>();
  for (const base of readsOf(kernel, views)) {
    // the next value of a parameter lies where the parameter does
    const parameter = base instanceof Parameter ? base : updates.get(base);
    const arena = parameter && placeOf(parameter)?.arena;
    if (arena && !stored.includes(parameter)) read.add(arena);
  }
  return stored.filter((parameter) => read.has(placeOf(parameter)?.arena ?? parameter));
}

/**
 * Where gradients have to be in memory before the first update (the norm that they are clipped by needs them all), there
 * is one elementwise kernel per parameter. Kernels of one kind over parameters of one arena can run as a single dispatch
 * when everything else they touch lies in parallel: this gives their gradients one block, and moves them to the end, one
 * behind the other.
 *
 * @param kernels in order
 * @param paddedBytes bytes that a value takes up
 */
export function alignUpdates(
  kernels: readonly Kernel[],
  prepared: Prepared,
  placeOf: PlaceOf,
  paddedBytes: (node: Tensor) => number,
): { kernels: readonly Kernel[]; blocks: readonly Block[] } {
  const groups = new Map<string, UpdateKernel[]>();
  const arenas: object[] = [];
  const numberOf = (arena: object) =>
    arenas.includes(arena) ? arenas.indexOf(arena) : arenas.push(arena) - 1;
  const readers = readersOf(kernels, prepared);
  for (const kernel of kernels) {
    const update = asUpdate(kernel, prepared, placeOf, readers);
    if (!update) continue;
    const places = kernel.stores.map((node) => numberOf(placeOf(prepared.updates.get(node)!)!.arena));
    const key = `${describeKernel(kernel)} ${places.join()}`;
    groups.set(key, [...(groups.get(key) ?? []), update]);
  }
  const blocks: Block[] = [];
  const last: Kernel[] = [];
  for (const group of groups.values()) {
    const members = withoutConflicts(group, kernels, prepared).sort(
      (a, b) => a.place.offset - b.place.offset,
    );
    if (members.length < 2) continue;
    const [first, end] = [members[0]!.place.offset, members.at(-1)!];
    blocks.push({
      bytes: end.place.offset + paddedBytes(end.gradient) - first,
      offsets: new Map(members.map(({ gradient, place }) => [gradient, place.offset - first])),
    });
    last.push(...members.map(({ kernel }) => kernel));
  }
  return { kernels: [...kernels.filter((kernel) => !last.includes(kernel)), ...last], blocks };
}

function asUpdate(
  kernel: Kernel,
  { views, outputs, updates }: Prepared,
  placeOf: PlaceOf,
  readers: ReadonlyMap<Tensor, readonly Kernel[]>,
): UpdateKernel | null {
  const stored = kernel.stores.map((node) => updates.get(node));
  const places = stored.map((parameter) => parameter && placeOf(parameter));
  const [place] = places;
  if (kernel.anchor || kernel.lines || !place || places.includes(undefined)) return null;
  const reads = readsOf(kernel, views);
  const size = kernel.stores[0]!.size;
  const gradients = reads.filter(
    (base) => base.size === size && base.op.kind !== 'source' && !updates.has(base),
  );
  // It may run last if nothing waits for what it stores, and nothing else changes a parameter that it reads.
  const isFree =
    kernel.stores.every((node) => !readers.has(node) && !outputs.includes(node)) &&
    reads.every(
      (base) => stored.includes(base as Parameter) || ![...updates.values()].includes(base as Parameter),
    );
  return gradients.length === 1 && isFree ? { kernel, gradient: gradients[0]!, place } : null;
}

/** Without gradients that two want, or that one kernel makes while it reads another of them: they share a buffer. */
function withoutConflicts(
  group: readonly UpdateKernel[],
  kernels: readonly Kernel[],
  { views }: Prepared,
): UpdateKernel[] {
  const gradients = new Set(group.map(({ gradient }) => gradient));
  const refused = new Set<Tensor>();
  for (const kernel of kernels) {
    const made = kernel.stores.filter((node) => gradients.has(node));
    if (made.length > 0 && readsOf(kernel, views).some((base) => gradients.has(base) && !made.includes(base)))
      for (const node of made) refused.add(node);
  }
  return group.filter(
    ({ gradient }, i) =>
      !refused.has(gradient) && group.findIndex((other) => other.gradient === gradient) === i,
  );
}
