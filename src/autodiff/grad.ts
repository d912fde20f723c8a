import { formatShape, GradientError, sameShape, topologicalOrder, type Tensor } from '../graph/index.ts';
import { add, fill, zerosLike } from '../ops/index.ts';

/**
 * Gradients of a scalar loss by reverse accumulation: new nodes in the same graph, which can be
 * differentiated again. (Baydin et al., "Automatic differentiation in machine learning", 2018, section 3.2.)
 *
 * @param loss [] or any shape of one element, f32
 * @param wrt tensors or parameters, f32
 * @returns one tensor per entry of `wrt`, of its shape; zeros where the loss does not depend on it
 * @throws GradientError when the loss is not a scalar, or `wrt` is not f32
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1)
    throw new GradientError(
      `grad: expected a scalar loss [], got ${formatShape(loss.shape)}. Reduce it with mean() or sum() first.`,
    );
  for (const t of [loss, ...wrt])
    if (t.dtype !== 'f32') throw new GradientError(`grad: expected f32 tensors, got ${t.toString()}`);

  const order = topologicalOrder([loss]);
  const depends = new Set<Tensor>(wrt);
  for (const node of order)
    if (node.op.vjp && node.inputs.some((input) => depends.has(input))) depends.add(node);

  const cotangents = new Map<Tensor, Tensor>([[loss, fill(1, loss.shape)]]);
  for (const node of order.reverse()) {
    const cotangent = cotangents.get(node);
    if (!cotangent || !depends.has(node) || !node.op.vjp) continue;
    const contributions = node.op.vjp(cotangent, node.inputs, node.attrs, node);
    node.inputs.forEach((input, i) => {
      const contribution = contributions[i];
      if (!contribution || !depends.has(input)) return;
      if (!sameShape(contribution.shape, input.shape)) {
        throw new GradientError(
          `grad: the rule of ${node.op.name} gave ${formatShape(contribution.shape)} for an input ${formatShape(input.shape)}`,
        );
      }
      const sum = cotangents.get(input);
      cotangents.set(input, sum ? add(sum, contribution) : contribution);
    });
  }
  return wrt.map((t) => cotangents.get(t) ?? zerosLike(t));
}
