import { topologicalOrder } from './order.ts';
import { Tensor } from './tensor.ts';

/**
 * The graph below `roots` with some nodes replaced. Nodes that do not depend on a replaced one stay the same objects;
 * a replacement is taken as it is, not searched for others.
 *
 * @param mayChange which of the other nodes may be rebuilt; the rest are kept although they read a replaced node
 */
export function substitute(
  roots: readonly Tensor[],
  replacements: ReadonlyMap<Tensor, Tensor>,
  mayChange: (node: Tensor) => boolean = () => true,
): Tensor[] {
  const done = new Map<Tensor, Tensor>(replacements);
  for (const node of topologicalOrder(roots)) {
    if (done.has(node)) continue;
    const inputs = node.inputs.map((input) => done.get(input)!);
    const changed = mayChange(node) && inputs.some((input, i) => input !== node.inputs[i]);
    done.set(node, changed ? new Tensor(node.op, inputs, node.attrs, node.shape, node.dtype) : node);
  }
  return roots.map((root) => done.get(root)!);
}
