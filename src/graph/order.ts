import type { Tensor } from './tensor.ts';

/**
 * Every node that `roots` depend on, inputs before users. Iterative, so that a chain of any
 * length is safe; ids grow along edges, so sorting by id is a topological order.
 */
export function topologicalOrder(roots: Iterable<Tensor>): Tensor[] {
  const seen = new Set<Tensor>();
  const stack = [...roots];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const input of node.inputs) if (!seen.has(input)) stack.push(input);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
