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
  const slots: { bytes: number; busy: { first: number; last: number }[] }[] = [];
  for (const { value, bytes, first, last } of bySize) {
    let index = slots.findIndex((slot) => isFree(slot.busy, first, last));
    if (index < 0) index = slots.push({ bytes, busy: [] }) - 1;
    const { busy } = slots[index]!;
    busy.splice(firstAfter(busy, first), 0, { first, last });
    slotOf.set(value, index);
  }
  return { slotOf, slots: slots.map((slot) => slot.bytes) };
}

/** Index of the first interval that begins after `first`. */
function firstAfter(busy: readonly { first: number }[], first: number): number {
  let [low, high] = [0, busy.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (busy[middle]!.first > first) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isFree(busy: readonly { first: number; last: number }[], first: number, last: number): boolean {
  const next = firstAfter(busy, first);
  const before = busy[next - 1];
  const after = busy[next];
  return (!before || before.last < first) && (!after || after.first > last);
}
