import type { Tensor } from '../graph/index.ts';
import type { Kernel } from '../plan/index.ts';
import { valueOf, type Bound, type Composed } from './compose.ts';
import { mapKernel } from './kernels/index.ts';

/** A range of bytes of some buffer. */
export interface Address {
  readonly home: unknown;
  readonly offset: number;
  readonly bytes: number;
}

/** Where a value will lie. */
export type AddressOf = (value: Tensor | 'scalars') => Address;

/** Kernels that became one: in place of the first, with the text of each of them. */
export interface Merged {
  /** What runs in their place. */
  readonly composed: Composed;
  /** Where its bindings end, if that is not where they begin. */
  readonly last?: Composed;
  /** The others, which need no dispatch. */
  readonly absorbed: readonly Kernel[];
}

const boundOf = ({ bindings }: Composed): Bound[] => bindings.filter((b): b is Bound => b.kind !== 'uniform');

/**
 * Join neighbouring elementwise kernels of one text that go through buffers in parallel: each begins where the one before
 * ends, in all buffers alike, and whatever else they read is the same. What lies between two ranges is padding, and may
 * hold anything.
 *
 * @param limit bytes of the largest binding
 * @returns by the first kernel of each run
 */
export function mergeUpdates(
  kernels: readonly Kernel[],
  composedOf: ReadonlyMap<Kernel, Composed>,
  addressOf: AddressOf,
  limit: number,
): Map<Kernel, Merged> {
  const merged = new Map<Kernel, Merged>();
  let run: Kernel[] = [];
  const close = () => {
    if (run.length > 1) {
      const [first, last] = [composedOf.get(run[0]!)!, composedOf.get(run.at(-1)!)!];
      merged.set(run[0]!, { composed: spanning(first, last, addressOf), last, absorbed: run.slice(1) });
    }
    run = [];
  };
  for (const kernel of kernels) {
    const composed = kernel.anchor || kernel.lines ? undefined : composedOf.get(kernel);
    const [first, before] = [run[0], run.at(-1)].map((each) => each && composedOf.get(each));
    const goesOn = composed && first && before && continues(first, before, composed, addressOf, limit);
    if (!goesOn) close();
    if (composed) run.push(kernel);
  }
  close();
  return merged;
}

export type MergeUpdates = typeof mergeUpdates;

/** True when `next` does with what lies behind all that the run has touched what the run does with that. */
function continues(
  first: Composed,
  before: Composed,
  next: Composed,
  addressOf: AddressOf,
  limit: number,
): boolean {
  if (next.code !== first.code || uniformsAfterSizes(next) !== uniformsAfterSizes(first)) return false;
  const addresses = (composed: Composed) => boundOf(composed).map((bound) => addressOf(valueOf(bound)));
  const [starts, ends, nexts] = [first, before, next].map(addresses) as [Address[], Address[], Address[]];
  const distances = nexts.map(({ offset }, i) => offset - starts[i]!.offset);
  const distance = Math.max(...distances);
  return (
    distance > 0 &&
    nexts.every(({ home, offset, bytes }, i) => {
      if (home !== starts[i]!.home) return false;
      if (distances[i] === 0) return isSingle(valueOf(boundOf(next)[i]!)); // read by all alike
      const gap = offset - (ends[i]!.offset + ends[i]!.bytes);
      const isNext = distances[i] === distance && gap >= 0 && gap < PADDING;
      return isNext && distance + bytes <= limit;
    }) &&
    // every result lies in the range
    boundOf(next).every(({ kind }, i) => kind !== 'read_write' || distances[i] === distance)
  );
}

/** One element, or host scalars, which are read one by one. */
const isSingle = (value: Tensor | 'scalars') => value === 'scalars' || value.size === 1;

/** Ranges begin at multiples of 256 bytes. */
const PADDING = 256;

const uniformsAfterSizes = ({ bindings }: Composed) =>
  JSON.stringify(bindings.flatMap((b) => (b.kind === 'uniform' ? [b.words] : [])).slice(1));

/** The first kernel over the whole range. */
function spanning(first: Composed, last: Composed, addressOf: AddressOf): Composed {
  const stored = boundOf(first).findIndex(({ kind }) => kind === 'read_write');
  const [start, end] = [first, last].map((each) => addressOf(valueOf(boundOf(each)[stored]!))) as [
    Address,
    Address,
  ];
  const spec = mapKernel((end.offset + end.bytes - start.offset) / 4);
  const sizes = { kind: 'uniform', words: Object.values(spec.sizes) } as const;
  const position = first.bindings.findIndex(({ kind }) => kind === 'uniform');
  return {
    ...first,
    workgroups: spec.workgroups,
    bindings: first.bindings.map((binding, i) => (i === position ? sizes : binding)),
  };
}
