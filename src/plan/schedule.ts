import type { Parameter, Tensor } from '../graph/index.ts';
import { producersOf, readsOf, type Kernel } from './kernel.ts';
import type { Prepared } from './prepare.ts';

/**
 * Order kernels so that each runs after those that produce what it reads, and a parameter's update after
 * every kernel that reads the old value. Among ready kernels the one traced first goes first.
 *
 * @returns the order, or the parameters whose in-place updates make one impossible
 */
export function schedule(
  kernels: readonly Kernel[],
  prepared: Prepared,
): { order: Kernel[] } | { blocked: Parameter[] } {
  const order = topologicalKernels(kernels, dependents(kernels, prepared));
  if (order.length === kernels.length) return { order };
  const done = new Set(order);
  const stuck = kernels.filter((kernel) => !done.has(kernel));
  return {
    blocked: stuck.flatMap((kernel) => kernel.stores.flatMap((node) => prepared.updates.get(node) ?? [])),
  };
}

/** For each kernel those that have to run after it. */
export function dependents(
  kernels: readonly Kernel[],
  { views, updates }: Prepared,
): ReadonlyMap<Kernel, ReadonlySet<Kernel>> {
  const producer = producersOf(kernels);
  const writer = new Map<Tensor, Kernel | undefined>(
    [...updates].map(([node, parameter]) => [parameter, producer.get(node)]),
  );
  const after = new Map<Kernel, Set<Kernel>>(kernels.map((kernel) => [kernel, new Set()]));
  for (const kernel of kernels) {
    for (const read of readsOf(kernel, views)) {
      const before = producer.get(read);
      if (before && before !== kernel) after.get(before)!.add(kernel);
      const update = writer.get(read);
      if (update && update !== kernel) after.get(kernel)!.add(update);
    }
  }
  return after;
}

/** Kernels in an order that `after` allows, as far as there is one. */
export function topologicalKernels(
  kernels: readonly Kernel[],
  after: ReadonlyMap<Kernel, ReadonlySet<Kernel>>,
): Kernel[] {
  const waiting = new Map<Kernel, number>(kernels.map((kernel) => [kernel, 0]));
  for (const next of after.values()) for (const kernel of next) waiting.set(kernel, waiting.get(kernel)! + 1);

  const ready = new Heap<Kernel>(lastId);
  for (const kernel of kernels) if (waiting.get(kernel) === 0) ready.push(kernel);
  const order: Kernel[] = [];
  for (let kernel = ready.pop(); kernel; kernel = ready.pop()) {
    order.push(kernel);
    for (const next of after.get(kernel)!) {
      waiting.set(next, waiting.get(next)! - 1);
      if (waiting.get(next) === 0) ready.push(next);
    }
  }
  return order;
}

/** The id of the last node a kernel computes: its place in the trace. */
function lastId({ anchor, epilogue }: Kernel): number {
  return Math.max(anchor?.id ?? 0, epilogue.at(-1)?.id ?? 0);
}

/** A binary heap, smallest key first. */
class Heap<T> {
  readonly #items: { key: number; item: T }[] = [];
  readonly #keyOf: (item: T) => number;

  constructor(keyOf: (item: T) => number) {
    this.#keyOf = keyOf;
  }

  push(item: T): void {
    const items = this.#items;
    const entry = { key: this.#keyOf(item), item };
    let i = items.push(entry) - 1;
    for (
      let parent = (i - 1) >> 1;
      i > 0 && items[parent]!.key > entry.key;
      i = parent, parent = (i - 1) >> 1
    )
      items[i] = items[parent]!;
    items[i] = entry;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (!top || !last || items.length === 0) return top?.item;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.key < items[child]!.key) child++;
      if (items[child]!.key >= last.key) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top.item;
  }
}
