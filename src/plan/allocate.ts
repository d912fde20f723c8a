/** A value that needs memory from the kernel that makes it to the last one that reads it. */
export interface Lifetime<T> {
  readonly value: T;
  readonly bytes: number;
  /** Index of the kernel that writes it. */
  readonly first: number;
  /** Index of the last kernel that reads it. */
  readonly last: number;
}

export interface Allocation<T> {
  /** The slot of each value. */
  readonly slotOf: ReadonlyMap<T, number>;
  /** Bytes of each slot. */
  readonly slots: readonly number[];
}

/** Among values of one size, which one chooses its slot first. No order is best for every program. */
const TIES: readonly ((a: Lifetime<unknown>, b: Lifetime<unknown>) => number)[] = [
  (a, b) => a.first - b.first,
  (a, b) => b.first - a.first,
  (a, b) => b.last - b.first - (a.last - a.first),
];

/**
 * Give values to reusable slots: largest first, each into the first slot that is free for its lifetime
 * (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020, algorithm 2). A
 * slot is a whole buffer, since one dispatch may not read and write the same one. The smallest result of a
 * few orders is taken.
 */
export function allocate<T>(lifetimes: readonly Lifetime<T>[]): Allocation<T> {
  const total = ({ slots }: Allocation<T>) => slots.reduce((sum, bytes) => sum + bytes, 0);
  return TIES.map((tie) =>
    allocateInOrder([...lifetimes].sort((a, b) => b.bytes - a.bytes || tie(a, b))),
  ).reduce((best, other) => (total(other) < total(best) ? other : best));
}

function allocateInOrder<T>(bySize: readonly Lifetime<T>[]): Allocation<T> {
  const slotOf = new Map<T, number>();
  const slots: number[] = [];
  const timetable = new Timetable(bySize.length);
  for (const { value, bytes, first, last } of bySize) {
    const slot = timetable.reserve(first, last);
    slots[slot] ??= bytes;
    slotOf.set(value, slot);
  }
  return { slotOf, slots };
}

interface Interval {
  readonly first: number;
  readonly last: number;
}

/** Uses of a slot that are few enough to go through all of them at each new one. */
const MANY_USES = 32;

/**
 * When slots are in use. Steps that keep everything for the way back have thousands of slots, so the first free one is
 * searched for in a binary tree over them: node i has the children 2i and 2i + 1, and what it knows of the slots below it
 * mostly tells at once that all are taken.
 */
class Timetable {
  /** Of each slot the times of use, in order. */
  readonly #busy: Interval[][];
  /** Some slot below a node is free before this. */
  readonly #start: Float64Array;
  /** Some slot below a node is free after this. */
  readonly #end: Float64Array;
  /** No pause between two uses of a slot below a node is longer. */
  readonly #pause: Float64Array;

  /** @param size at most this many slots; none is in use */
  constructor(size: number) {
    const leaves = 2 ** Math.ceil(Math.log2(Math.max(size, 1)));
    this.#busy = Array.from({ length: leaves }, () => []);
    this.#start = new Float64Array(2 * leaves).fill(Infinity);
    this.#end = new Float64Array(2 * leaves).fill(-Infinity);
    this.#pause = new Float64Array(2 * leaves);
  }

  /** The first slot that is free from `first` to `last`, which it no longer is. */
  reserve(first: number, last: number): number {
    const slot = this.#search(1, first, last)!;
    const busy = this.#busy[slot]!;
    const at = firstAfter(busy, first);
    busy.splice(at, 0, { first, last });
    let node = this.#busy.length + slot;
    this.#start[node] = busy[0]!.first;
    this.#end[node] = busy.at(-1)!.last;
    // There are few slots with many uses, so for those an upper bound will do.
    this.#pause[node] =
      busy.length < MANY_USES
        ? longestPause(busy)
        : Math.max(this.#pause[node]!, longestPause(busy.slice(Math.max(at - 1, 0), at + 2)));
    for (node >>= 1; node > 0; node >>= 1) {
      const [left, right] = [2 * node, 2 * node + 1];
      this.#start[node] = Math.max(this.#start[left]!, this.#start[right]!);
      this.#end[node] = Math.min(this.#end[left]!, this.#end[right]!);
      this.#pause[node] = Math.max(this.#pause[left]!, this.#pause[right]!);
    }
    return slot;
  }

  #search(node: number, first: number, last: number): number | null {
    const mayBeFree =
      last < this.#start[node]! || first > this.#end[node]! || last - first < this.#pause[node]!;
    if (!mayBeFree) return null;
    const slot = node - this.#busy.length;
    if (slot >= 0) return isFree(this.#busy[slot]!, first, last) ? slot : null;
    return this.#search(2 * node, first, last) ?? this.#search(2 * node + 1, first, last);
  }
}

/** The most time between neighbours. */
function longestPause(busy: readonly Interval[]): number {
  let longest = 0;
  for (let i = 1; i < busy.length; i++) longest = Math.max(longest, busy[i]!.first - busy[i - 1]!.last - 1);
  return longest;
}

/** Index of the first interval that begins after `first`. */
function firstAfter(busy: readonly Interval[], first: number): number {
  let [low, high] = [0, busy.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (busy[middle]!.first > first) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isFree(busy: readonly Interval[], first: number, last: number): boolean {
  const next = firstAfter(busy, first);
  const before = busy[next - 1];
  const after = busy[next];
  return (!before || before.last < first) && (!after || after.first > last);
}
