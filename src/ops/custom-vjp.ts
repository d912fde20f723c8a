import { defineOp, emit, type Op, type Tensor } from '../graph/index.ts';

/** Cotangents of `inputs` from that of the result. Uses no tensor that is not an argument: graphs are rewritten. */
export type VjpRule = (cotangent: Tensor, inputs: readonly Tensor[]) => readonly (Tensor | null)[];

export const customVjpOp: Op<'customVjp', { readonly rule: VjpRule }> = defineOp({
  name: 'customVjp',
  kind: 'pointwise',
  shape: ([y]) => y!.shape,
  vjp: (dy, [, ...inputs], { rule }) => [null, ...rule(dy, inputs)],
});

/**
 * `y`, differentiated by a rule of its own instead of through the ops that made it (`jax.custom_vjp`). For
 * compositions whose gradient has a shorter form than the chain rule finds.
 *
 * @param inputs what y was computed from, and intermediate results that the rule reads
 * @param rule the whole derivative; an intermediate result gets null, and its share goes to what it came from
 */
export function customVjp(y: Tensor, inputs: readonly Tensor[], rule: VjpRule): Tensor {
  return emit(customVjpOp, [y, ...inputs], { rule });
}
