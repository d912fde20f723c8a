import { topologicalOrder } from './order.ts';
import { Parameter } from './parameter.ts';
import { formatShape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** The graph below `roots` as text, one node a line, numbered from 0 in topological order. */
export function printGraph(roots: readonly Tensor[]): string {
  const order = topologicalOrder(roots);
  const number = new Map(order.map((node, i) => [node, i]));
  const lines = order.map((node) => {
    const inputs = node.inputs.map((input) => `%${number.get(input)}`);
    const attrs = node instanceof Parameter ? [node.label] : printAttrs(node.attrs);
    return `%${number.get(node)}: ${node.dtype}${formatShape(node.shape)} = ${node.op.name}(${[...inputs, ...attrs].join(', ')})`;
  });
  return [...lines, `return ${roots.map((root) => `%${number.get(root)}`).join(', ')}`].join('\n');
}

function printAttrs(attrs: Record<string, unknown>): string[] {
  return Object.entries(attrs)
    .filter(([, value]) => value !== undefined && typeof value !== 'function' && !ArrayBuffer.isView(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
}
