import type { Parameter, Tensor } from '../graph/index.ts';
import { describeKernel, readersOf, readsOf, type Kernel } from './kernel.ts';
import { parameterOf, type Place, type PlaceOf } from './place.ts';
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

/** What a kernel must not get in the way of. */
interface Around {
  readonly readers: ReadonlyMap<Tensor, readonly Kernel[]>;
  readonly results: ReadonlySet<Tensor>;
  /** Parameters that the step updates. */
  readonly changing: ReadonlySet<Tensor>;
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
    const parameter = parameterOf(base, updates);
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
 * @returns the kernels that stay where they are, and those to run after them
 */
export function alignUpdates(
  kernels: readonly Kernel[],
  prepared: Prepared,
  placeOf: PlaceOf,
  paddedBytes: (node: Tensor) => number,
): { kernels: readonly Kernel[]; aligned: readonly Kernel[]; blocks: readonly Block[] } {
  const groups = new Map<string, UpdateKernel[]>();
  const arenas = new Map<object, number>();
  const numberOf = (arena: object) => {
    if (!arenas.has(arena)) arenas.set(arena, arenas.size);
    return arenas.get(arena)!;
  };
  const around: Around = {
    readers: readersOf(kernels, prepared),
    results: new Set(prepared.outputs),
    changing: new Set(prepared.updates.values()),
  };
  for (const kernel of kernels) {
    const update = asUpdate(kernel, prepared, placeOf, around);
    if (!update) continue;
    const places = kernel.stores.map((node) => numberOf(placeOf(prepared.updates.get(node)!)!.arena));
    const key = `${describeKernel(kernel)} ${places.join()}`;
    const group = groups.get(key);
    if (group) group.push(update);
    else groups.set(key, [update]);
  }
  const blocks: Block[] = [];
  const last = new Set<Kernel>();
  for (const group of groups.values()) {
    if (group.length < 2) continue;
    const members = withoutConflicts(group, kernels, prepared).sort(
      (a, b) => a.place.offset - b.place.offset,
    );
    if (members.length < 2) continue;
    const [first, end] = [members[0]!.place.offset, members.at(-1)!];
    blocks.push({
      bytes: end.place.offset + paddedBytes(end.gradient) - first,
      offsets: new Map(members.map(({ gradient, place }) => [gradient, place.offset - first])),
    });
    for (const { kernel } of members) last.add(kernel);
  }
  return { kernels: kernels.filter((kernel) => !last.has(kernel)), aligned: [...last], blocks };
}

function asUpdate(
  kernel: Kernel,
  { views, updates }: Prepared,
  placeOf: PlaceOf,
  { readers, results, changing }: Around,
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
    kernel.stores.every((node) => !readers.has(node) && !results.has(node)) &&
    reads.every((base) => stored.includes(base as Parameter) || !changing.has(base));
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
  return group.filter(({ gradient }) => {
    if (refused.has(gradient)) return false;
    refused.add(gradient); // whoever else wants it comes too late
    return true;
  });
}
