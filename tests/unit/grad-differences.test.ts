import { describe, expect, test } from 'vitest';
import {
  abs,
  add,
  compile,
  constant,
  cpu,
  grad,
  mul,
  square,
  sub,
  sum,
  type Signature,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import { allCases, inputsOf, tensorsOf, weightsFor, wrtOf } from '../case-program.ts';
import { normal } from '../inputs.ts';
import { caseName, type OpCase } from '../op-cases.ts';

/** Step of the central differences, in float64: their own error is about step² = 1e-8 of the third derivative. */
const STEP = 1e-4;
/** Largest accepted |analytic − numeric| / Σ |terms|: the differences' error, with room for third derivatives of 100. */
const ACCURACY = 1e-6;
/** Random directions in which each derivative is taken; one is enough to see a wrong element, two for good measure. */
const DIRECTIONS = 2;

const total = (terms: readonly Tensor[]) => terms.reduce((a, b) => add(a, b));
const dot = (a: readonly Tensor[], b: readonly Tensor[]) => total(a.map((x, i) => sum(mul(x, b[i]!))));

/**
 * The derivative of `f` along a direction, twice: from `gradient` and by central differences. All of it is
 * one graph on a float64 device, so that nothing is rounded to float32 before the two are subtracted.
 */
async function compareDerivatives(
  opCase: OpCase,
  f: (tensors: readonly Tensor[]) => Tensor,
): Promise<{ difference: number; scale: number }[]> {
  const wrt = wrtOf(opCase);
  const { signature, data } = inputsOf(opCase);
  const directionInputs = Object.fromEntries(
    wrt.map((i) => [`d${i}`, { dtype: 'f32', shape: opCase.inputs[i]!.shape }]),
  ) as Signature;
  const step = await compile(cpu({ storage: 'f64' }), { ...signature, ...directionInputs }, (inputs) => {
    const tensors = tensorsOf(opCase, inputs);
    const directions = wrt.map((i) => inputs[`d${i}`]!);
    const gradients = grad(
      f(tensors),
      wrt.map((i) => tensors[i]!),
    );
    const moved = (by: number) =>
      f(
        tensors.map((x, i) => {
          const position = wrt.indexOf(i);
          return position === -1 ? x : add(x, mul(directions[position]!, by));
        }),
      );
    const numeric = mul(sub(moved(STEP), moved(-STEP)), 1 / (2 * STEP));
    const magnitude = total(gradients.map((g, i) => sum(abs(mul(g, directions[i]!)))));
    return {
      outputs: { difference: sub(dot(gradients, directions), numeric), scale: add(magnitude, abs(numeric)) },
    };
  });
  const results = [];
  for (let seed = 1; seed <= DIRECTIONS; seed++) {
    const directions = Object.fromEntries(
      wrt.map((i) => [`d${i}`, normal(opCase.inputs[i]!.shape, seed).data()]),
    );
    const values = await step({ ...data, ...directions } as Record<string, TypedArray>);
    results.push({
      difference: Math.abs(await values['difference']!.item()),
      scale: await values['scale']!.item(),
    });
  }
  return results;
}

const weights = (shape: readonly number[]) => constant(weightsFor(shape), shape);
const loss = (opCase: OpCase, tensors: readonly Tensor[]) => {
  const y = opCase.call(...tensors);
  return sum(mul(y, weights(y.shape)));
};
/** Quadratic in the result, so that the second derivative of an op that is linear is not zero. */
const quadraticLoss = (opCase: OpCase, tensors: readonly Tensor[]) => {
  const y = opCase.call(...tensors);
  return sum(mul(add(y, square(y)), weights(y.shape)));
};

async function isDifferentiable(opCase: OpCase): Promise<boolean> {
  let differentiable = false;
  await compile(cpu(), inputsOf(opCase).signature, (inputs) => {
    const y = opCase.call(...tensorsOf(opCase, inputs));
    differentiable = y.dtype === 'f32';
    return { outputs: { y } };
  });
  return differentiable;
}

const candidates = allCases.filter(
  ([, { throws, large, noDifferences }]) => throws === undefined && !large && !noDifferences,
);
const differentiable: (readonly [string, OpCase])[] = [];
for (const [op, opCase] of candidates)
  if (wrtOf(opCase).length > 0 && (await isDifferentiable(opCase)))
    differentiable.push([caseName(op, opCase), opCase] as const);

describe('gradients equal central differences', () => {
  test.each(differentiable)('%s', async (_, opCase) => {
    for (const { difference, scale } of await compareDerivatives(opCase, (tensors) => loss(opCase, tensors)))
      expect(difference).toBeLessThanOrEqual(ACCURACY * scale);
  });
});

describe('gradients of gradients equal central differences', () => {
  test.each(differentiable)('%s', async (_, opCase) => {
    const wrt = wrtOf(opCase);
    // A fixed direction v turns the gradient into the scalar g · v, which is differentiated again.
    const along = (tensors: readonly Tensor[]) =>
      dot(
        grad(
          quadraticLoss(opCase, tensors),
          wrt.map((i) => tensors[i]!),
        ),
        wrt.map((i) => constant(normal(opCase.inputs[i]!.shape, 77).data(), opCase.inputs[i]!.shape)),
      );
    for (const { difference, scale } of await compareDerivatives(opCase, along))
      expect(difference).toBeLessThanOrEqual(ACCURACY * scale);
  });
});

test('every op with a gradient rule has a case that these suites differentiate', () => {
  const rules = new Set(allCases.filter(([, c]) => c.throws === undefined).map(([op]) => op));
  const covered = new Set(differentiable.map(([name]) => name.split(' ')[0]));
  const without = [...rules].filter((op) => !covered.has(op));
  // Results or inputs that are not f32, no inputs, detach (whose gradient differences do not see), and an op that only a pass makes.
  expect(without.join(' ')).toBe(
    'fill iota not detach cast eq ne lt le gt ge and or argmax conv2dWeightGradParts',
  );
});
