import { Parameter, Tensor, topologicalOrder } from '../graph/index.ts';

/** A rule for one node, given its inputs after rewriting; `null` keeps the node on those inputs. */
export type Rule = (node: Tensor, inputs: readonly Tensor[]) => Tensor | null;

/** Rebuild the graph below `roots` bottom-up under `rule`. Nodes that nothing uses any more fall away. */
export function rewrite(roots: readonly Tensor[], rule: Rule): Tensor[] {
  const done = new Map<Tensor, Tensor>();
  for (const node of topologicalOrder(roots)) {
    const inputs = node.inputs.map((input) => done.get(input)!);
    done.set(node, rule(node, inputs) ?? withInputs(node, inputs));
  }
  return roots.map((root) => done.get(root)!);
}

/** `node` on other inputs of the same shapes; the node itself when nothing changed. */
export function withInputs(node: Tensor, inputs: readonly Tensor[]): Tensor {
  if (node instanceof Parameter || inputs.every((input, i) => input === node.inputs[i])) return node;
  return new Tensor(node.op, inputs, node.attrs, node.shape, node.dtype);
}
