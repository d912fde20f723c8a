import { Parameter, Tensor } from '../graph/index.ts';
import { rewrite, withInputs } from './rewrite.ts';

/**
 * Common-subexpression elimination: equal ops on equal inputs become one node. Values from outside stay
 * apart, and so do random draws, whose attributes name their stream.
 */
export function eliminateCommonSubexpressions(roots: readonly Tensor[]): Tensor[] {
  const known = new Map<string, Tensor>();
  return rewrite(roots, (node, inputs) => {
    if (node instanceof Parameter || node.op.kind === 'source') return node;
    const key = `${node.op.name} ${inputs.map((input) => input.id).join(' ')} ${node.dtype} ${node.shape.join(' ')} ${describe(node.attrs)}`;
    const twin = known.get(key);
    if (twin) return twin;
    const kept = withInputs(node, inputs);
    known.set(key, kept);
    return kept;
  });
}

/** Most ops have no attributes, and writing JSON takes its time. */
const describe = (attrs: Tensor['attrs']) =>
  Object.keys(attrs).length === 0 ? '' : JSON.stringify(attrs, distinct);

/** A body's nodes count by their identity. JSON writes NaN and both infinities as null, and −0 as 0. */
const distinct = (_: string, value: unknown): unknown =>
  value instanceof Tensor
    ? `%${value.id}`
    : typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
      ? `${Object.is(value, -0) ? '-' : ''}${value}`
      : value;
