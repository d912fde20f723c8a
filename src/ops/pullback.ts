import { formatShape, GradientError, sameShape, topologicalOrder, type Tensor } from '../graph/index.ts';
import { add } from './pointwise.ts';

/** One result of an op that has several, with its cotangent. */
export interface PartCotangent {
  readonly part: Tensor;
  readonly cotangent: Tensor;
}

export interface PullbackOptions {
  /** Inputs (by user and position) through which nothing flows back. */
  stop?: (user: Tensor, position: number) => boolean;
}

/**
 * Reverse accumulation: Σ over outputs of (∂ output / ∂ w)ᵀ · cotangent for each w, as new nodes of the same graph
 * (Baydin et al., "Automatic differentiation in machine learning", 2018, section 3.2). The walk knows one op by name,
 * `add`.
 *
 * @param outputs with one cotangent each, of its shape
 * @param wrt f32; also nodes on the way, which then go on being differentiated
 * @returns one tensor per entry of `wrt`, or null where no output depends on it
 */
export function pullback(
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  wrt: readonly Tensor[],
  { stop = () => false }: PullbackOptions = {},
): (Tensor | null)[] {
  const order = topologicalOrder(outputs);
  const depends = new Set<Tensor>(wrt);
  for (const node of order)
    if (node.op.vjp && node.inputs.some((input) => depends.has(input))) depends.add(node);

  const cotangents = new Map<Tensor, Tensor>();
  const accumulate = (node: Tensor, contribution: Tensor) => {
    const sum = cotangents.get(node);
    cotangents.set(node, sum ? add(sum, contribution) : contribution);
  };
  outputs.forEach((output, i) => accumulate(output, seeds[i]!));

  // The results of an op with several are its parts; they come before it in this order and leave their cotangents here.
  const partsOf = new Map<Tensor, PartCotangent[]>();
  for (const node of order.reverse()) {
    const cotangent = cotangents.get(node);
    const parts = partsOf.get(node) ?? [];
    if ((!cotangent && parts.length === 0) || !depends.has(node) || !node.op.vjp) continue;
    if (node.op.kind === 'part') {
      const whole = node.inputs[0]!;
      partsOf.set(whole, [...(partsOf.get(whole) ?? []), { part: node, cotangent: cotangent! }]);
      continue;
    }
    const contributions = node.op.vjpOfParts
      ? node.op.vjpOfParts(parts, node.inputs, node.attrs, node)
      : node.op.vjp(cotangent!, node.inputs, node.attrs, node);
    node.inputs.forEach((input, i) => {
      const contribution = contributions[i];
      if (!contribution || !depends.has(input) || stop(node, i)) return;
      if (!sameShape(contribution.shape, input.shape)) {
        throw new GradientError(
          `grad: the rule of ${node.op.name} gave ${formatShape(contribution.shape)} for an input ${formatShape(input.shape)}`,
        );
      }
      accumulate(input, contribution);
    });
  }
  return wrt.map((t) => cotangents.get(t) ?? null);
}
