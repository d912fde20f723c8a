import type { Signature, StepResult, Tensor, TypedArray } from '../src/index.ts';
import { grad, mul, sum } from '../src/index.ts';
import { opCases, type OpCase } from './op-cases.ts';
import { normal } from './inputs.ts';

/** Every case with its op's name. */
export const allCases: readonly (readonly [op: keyof typeof opCases, OpCase])[] = (
  Object.keys(opCases) as (keyof typeof opCases)[]
).flatMap((op) => opCases[op].map((opCase) => [op, opCase] as const));

/** The signature of a case's inputs `x0`, `x1`, ... and their data. */
export function inputsOf({ inputs }: OpCase) {
  return {
    signature: Object.fromEntries(
      inputs.map(({ dtype, shape }, i) => [`x${i}`, { dtype, shape }]),
    ) as Signature,
    data: Object.fromEntries(inputs.map((input, i) => [`x${i}`, input.data()])) as Record<string, TypedArray>,
  };
}

/** The traced inputs in the order of the case. */
export const tensorsOf = ({ inputs }: OpCase, traced: Readonly<Record<string, Tensor>>): Tensor[] =>
  inputs.map((_, i) => traced[`x${i}`]!);

/** Indices of the inputs that a case differentiates. */
export const wrtOf = ({ wrt, inputs }: OpCase): readonly number[] =>
  wrt ?? inputs.flatMap(({ dtype }, i) => (dtype === 'f32' ? [i] : []));

/** Fixed weights of a result, so that a gradient of Σ weight · y sees every element differently. */
export const weightsFor = (shape: readonly number[]): TypedArray => normal(shape, 99).data();

/** The result of a case, and the gradients of Σ w · y when it has any: one program, as a model would have. */
export function resultAndGradients(
  opCase: OpCase,
  tensors: readonly Tensor[],
  weights: (shape: readonly number[]) => Tensor,
): StepResult<Record<string, Tensor>> {
  const y = opCase.call(...tensors);
  const wrt = wrtOf(opCase);
  if (y.dtype !== 'f32' || wrt.length === 0 || opCase.expected) return { outputs: { y } };
  const gradients = grad(
    sum(mul(y, weights(y.shape))),
    wrt.map((i) => tensors[i]!),
  );
  return { outputs: { y, ...Object.fromEntries(gradients.map((g, i) => [`gradient of x${wrt[i]}`, g])) } };
}
