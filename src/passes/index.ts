import type { Parameter, Tensor, Update } from '../graph/index.ts';
import { channelsLast, type StoredOrder } from './channels-last.ts';
import { eliminateCommonSubexpressions } from './cse.ts';
import { foldTranspose } from './fold-transpose.ts';
import { joinPads } from './join-pads.ts';
import { lowerScans } from './lower-scans.ts';
import { recomputeCheap } from './recompute.ts';
import { simplify } from './simplify.ts';
import { splitReductions } from './split-reductions.ts';

export {
  channelsLast,
  eliminateCommonSubexpressions,
  foldTranspose,
  joinPads,
  lowerScans,
  recomputeCheap,
  simplify,
  splitReductions,
};

/** A program's graph after all passes. */
export interface Optimized {
  readonly outputs: readonly Tensor[];
  readonly updates: readonly Update[];
  /** Axis order in which parameters are stored, where it is not the declared one. */
  readonly storage: ReadonlyMap<Parameter, readonly number[]>;
}

/** All passes in their order. @param stored axis order of the parameters that already live on the device */
export function optimize(
  outputs: readonly Tensor[],
  updates: readonly Update[],
  stored: StoredOrder,
): Optimized {
  const values = updates.map(([, value]) => value);
  const first = eliminateCommonSubexpressions(joinPads(simplify([...outputs, ...values])));
  const laidOut = channelsLast(
    first.slice(0, outputs.length),
    updates.map(([p], i) => [p, first[outputs.length + i]!]),
    stored,
  );
  const roots = [...laidOut.outputs, ...laidOut.updates.map(([, value]) => value)];
  const lowered = lowerScans(roots, (body) => optimize(body, [], () => null).outputs);
  const split = splitReductions(foldTranspose(simplify(lowered)));
  const last = recomputeCheap(eliminateCommonSubexpressions(simplify(split)));
  return {
    outputs: last.slice(0, outputs.length),
    updates: updates.map(([p], i) => [p, last[outputs.length + i]!]),
    storage: laidOut.storage,
  };
}
