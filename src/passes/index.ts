import { Parameter, type Tensor, type Update } from '../graph/index.ts';
import { isImageOp } from '../ops/index.ts';
import type { ChannelsLast, StoredOrder } from './channels-last.ts';
import { eliminateCommonSubexpressions } from './cse.ts';
import { foldTranspose } from './fold-transpose.ts';
import { joinPads } from './join-pads.ts';
import { recomputeCheap } from './recompute.ts';
import { simplify } from './simplify.ts';
import { splitReductions } from './split-reductions.ts';

export { eliminateCommonSubexpressions, foldTranspose, joinPads, recomputeCheap, simplify, splitReductions };

/** A program's graph after all passes: results, updates, and in which axis order parameters are stored. */
export type Optimized = ChannelsLast;

/** Passes that only some programs need, for images, loops and products with vectors: a page loads them then. */
export interface SpecialPasses {
  readonly channelsLast?: typeof import('./channels-last.ts').channelsLast;
  readonly lowerScans?: typeof import('./lower-scans.ts').lowerScans;
  readonly vectorProducts?: typeof import('./vector-products.ts').vectorProducts;
}

/**
 * @param nodes of the program
 * @param stored axis order of the parameters that already live on the device
 */
export async function loadPasses(nodes: readonly Tensor[], stored: StoredOrder): Promise<SpecialPasses> {
  const hasImages = nodes.some(
    (node) => isImageOp(node.op.name) || (node instanceof Parameter && Boolean(stored(node))),
  );
  const hasVectors = nodes.some(
    ({ op, inputs }) => op.name === 'matmul' && inputs.some(({ shape }) => shape.slice(-2).includes(1)),
  );
  const hasLoops = nodes.some(({ op }) => op.kind === 'loop');
  return {
    // A loop's body may hold images and vectors.
    ...((hasImages || hasLoops) && (await import('./channels-last.ts'))),
    ...(hasLoops && (await import('./lower-scans.ts'))),
    ...((hasVectors || hasLoops) && (await import('./vector-products.ts'))),
  };
}

/** All passes in their order. @param stored axis order of the parameters that already live on the device */
export function optimize(
  outputs: readonly Tensor[],
  updates: readonly Update[],
  stored: StoredOrder,
  special: SpecialPasses,
): Optimized {
  const values = updates.map(([, value]) => value);
  const first = eliminateCommonSubexpressions(joinPads(simplify([...outputs, ...values])));
  const traced: Optimized = {
    outputs: first.slice(0, outputs.length),
    updates: updates.map(([p], i) => [p, first[outputs.length + i]!]),
    storage: new Map(),
  };
  const laidOut = special.channelsLast?.(traced.outputs, traced.updates, stored) ?? traced;
  const roots = [...laidOut.outputs, ...laidOut.updates.map(([, value]) => value)];
  const body = (nodes: readonly Tensor[]) => optimize(nodes, [], () => null, special).outputs;
  const lowered = special.lowerScans?.(roots, body) ?? roots;
  const products = foldTranspose(simplify(lowered));
  const split = splitReductions(special.vectorProducts?.(products) ?? products);
  const last = recomputeCheap(eliminateCommonSubexpressions(simplify(split)));
  return {
    outputs: last.slice(0, outputs.length),
    updates: updates.map(([p], i) => [p, last[outputs.length + i]!]),
    storage: laidOut.storage,
  };
}
