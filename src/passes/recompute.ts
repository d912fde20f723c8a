import { Tensor, topologicalOrder } from '../graph/index.ts';

/** Ops so cheap that computing them twice costs less than storing and loading the result. */
const CHEAP = new Set([
  'iota',
  'cast',
  'neg',
  'abs',
  'not',
  'add',
  'sub',
  'mul',
  'maximum',
  'minimum',
  'relu',
  'where',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'and',
  'or',
]);

/** A value of more operations than this is worth its memory. */
const MAX_COST = 4;

/**
 * Give every user its own copy of values that a few cheap operations make out of what is in memory anyway:
 * one-hot masks from labels, masks from positions, distances to a mean. The copy then joins its user's kernel.
 */
export function recomputeCheap(roots: readonly Tensor[]): Tensor[] {
  const order = topologicalOrder(roots);
  const { needed, shared } = inMemory(roots, order);
  const costs = new Map<Tensor, number>();
  for (const node of order) {
    const cost = costOf(node, costs);
    costs.set(node, needed.has(node) || (cost > MAX_COST && shared.has(node)) ? 0 : cost);
  }
  // A single element is cheap to keep, too.
  const isCheap = (node: Tensor) => node.size > 1 && costs.get(node)! > 0 && costs.get(node)! <= MAX_COST;

  const done = new Map<Tensor, Tensor>();
  /** `node` on its new inputs, where each cheap input is made afresh. */
  const rebuild = (node: Tensor, fresh: Map<Tensor, Tensor>): Tensor => {
    const inputs = node.inputs.map((input) => {
      if (!isCheap(input)) return done.get(input)!;
      let copy = fresh.get(input);
      if (!copy) fresh.set(input, (copy = rebuild(input, fresh)));
      return copy;
    });
    if (node.inputs.length === 0 && !isCheap(node)) return node;
    return new Tensor(node.op, inputs, node.attrs, node.shape, node.dtype);
  };
  for (const node of order) if (!isCheap(node)) done.set(node, rebuild(node, new Map()));
  return roots.map((root) => done.get(root)!);
}

/**
 * Values that are in memory: `needed` by a kernel or as a result; and, unless they are computed again, `shared` by a
 * reduction and others, or read at other positions than their own.
 */
function inMemory(
  roots: readonly Tensor[],
  order: readonly Tensor[],
): { needed: ReadonlySet<Tensor>; shared: ReadonlySet<Tensor> } {
  const needed = new Set<Tensor>(roots);
  const shared = new Set<Tensor>();
  const users = new Map<Tensor, number>();
  for (const { op, inputs } of order)
    for (const input of inputs) {
      users.set(input, (users.get(input) ?? 0) + 1);
      if (op.kind === 'kernel' || op.kind === 'loop') needed.add(input);
      if (op.kind === 'view' && op.name !== 'reshape') shared.add(input);
    }
  for (const { op, inputs } of order)
    if (op.kind === 'reduction') for (const input of inputs) if (users.get(input)! > 1) shared.add(input);
  return { needed, shared };
}

function costOf(node: Tensor, costs: ReadonlyMap<Tensor, number>): number {
  if (node.op.kind === 'source' || node.op.name === 'fill') return 0;
  const inputs = node.inputs.reduce((sum, input) => sum + costs.get(input)!, 0);
  // A view of a value to recompute counts, so that chains of them stay short.
  if (node.op.kind === 'view') return inputs > 0 ? inputs + 1 : 0;
  return CHEAP.has(node.op.name) ? inputs + 1 : Infinity;
}
