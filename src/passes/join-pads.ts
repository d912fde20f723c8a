import type { Tensor } from '../graph/index.ts';
import { concat, pad } from '../ops/index.ts';
import { rewrite } from './rewrite.ts';

/**
 * The gradients of neighbouring slices of a tensor are padded with zeros and added up. Their concatenation is the same
 * without the zeros: pad(a) + pad(b) becomes pad(concat(a, b)), and nothing is left of the pad when the parts are all.
 */
export function joinPads(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, inputs) => {
    if (node.op.name !== 'add') return null;
    const [a, b] = inputs.map(paddedPart);
    if (!a || !b || a.axis !== b.axis) return null;
    const [first, second] = a.start < b.start ? [a, b] : [b, a];
    if (first.end !== second.start) return null;
    const { axis } = first;
    const pads = node.shape.map((size, i) =>
      i === axis ? ([first.start, size - second.end] as const) : ([0, 0] as const),
    );
    return pad(concat([...first.parts, ...second.parts], axis), pads);
  });
}

/** What a pad with zeros along a single axis surrounds, and where that lies. */
interface PaddedPart {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Tensor[];
}

function paddedPart(node: Tensor): PaddedPart | null {
  if (node.op.name !== 'pad' || node.attrs.value !== 0) return null;
  const pads = node.attrs.pads as readonly (readonly [number, number, number])[];
  const axes = pads.flatMap((around, axis) => (around.some((n) => n > 0) ? [axis] : []));
  const [axis] = axes;
  if (axes.length !== 1 || pads[axis!]![2] > 0) return null;
  const [x] = node.inputs as [Tensor];
  const [start] = pads[axis!]!;
  const isJoined = x.op.name === 'concat' && x.attrs.axis === axis;
  return { axis: axis!, start, end: start + x.shape[axis!]!, parts: isJoined ? x.inputs : [x] };
}
