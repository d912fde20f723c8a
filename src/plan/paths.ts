import type { Kernel } from './kernel.ts';

/** Kernels that run as one, or in one dispatch. */
export interface Group {
  readonly members: readonly Kernel[];
  /** Places of its first and last member in a topological order. */
  readonly first: number;
  readonly last: number;
}

/** How many groups a search may visit. What belongs together is close. */
const MOST_VISITS = 256;

/**
 * `to` has to run after `from`, or it may be so: there is a path from one to the other.
 *
 * @param after for each kernel those that have to run after it
 * @param around count only paths through other groups
 */
export function leadsTo<G extends Group>(
  from: G,
  to: G,
  after: ReadonlyMap<Kernel, ReadonlySet<Kernel>>,
  groupOf: ReadonlyMap<Kernel, G>,
  around = false,
): boolean {
  const seen = new Set<G>([from]);
  const waiting = [from];
  for (let group = waiting.pop(); group; group = waiting.pop()) {
    for (const member of group.members)
      for (const next of after.get(member)!) {
        const other = groupOf.get(next)!;
        if (other === to && !(around && group === from)) return true;
        if (other === to || seen.has(other) || other.first > to.last) continue;
        if (seen.size > MOST_VISITS) return true;
        seen.add(other);
        waiting.push(other);
      }
  }
  return false;
}

/** Two groups as one. */
export const union = (a: Group, b: Group): Group => ({
  members: [...a.members, ...b.members],
  first: Math.min(a.first, b.first),
  last: Math.max(a.last, b.last),
});
