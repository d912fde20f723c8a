import { describe, expect, test } from 'vitest';
import {
  abs,
  add,
  compile,
  constant,
  cpu,
  detach,
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

/** Step of the central differences, in float64: their error is 2e-11 of the third derivative and of the value. */
const STEP = 1e-5;
/** Largest accepted |analytic − numeric| / Σ |terms|: the differences' error, with room for third derivatives of 50,000. */
const ACCURACY = 1e-6;
/** Random directions in which each derivative is taken; one is enough to see a wrong element, two for good measure. */
const DIRECTIONS = 2;

/**
 * A direction of input `i`, another one for each input: with equal ones, an op that mixes up the gradients of two
 * inputs of one shape would pass.
 */
const directionOf = ({ inputs }: OpCase, i: number, seed: number) =>
  normal(inputs[i]!.shape, 100 * seed + i).data();

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
    const directions = Object.fromEntries(wrt.map((i) => [`d${i}`, directionOf(opCase, i, seed)]));
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

/** g · v for the gradient g of the quadratic loss and a fixed direction v: a scalar to differentiate again. */
const gradientAlong = (opCase: OpCase) => (tensors: readonly Tensor[]) => {
  const wrt = wrtOf(opCase);
  return dot(
    grad(
      quadraticLoss(opCase, tensors),
      wrt.map((i) => tensors[i]!),
    ),
    wrt.map((i) => constant(directionOf(opCase, i, DIRECTIONS + 1), opCase.inputs[i]!.shape)),
  );
};

async function expectEqual(opCase: OpCase, f: (tensors: readonly Tensor[]) => Tensor): Promise<void> {
  for (const { difference, scale } of await compareDerivatives(opCase, f))
    expect(difference).toBeLessThanOrEqual(ACCURACY * scale);
}

const lossOf = (opCase: OpCase) => (tensors: readonly Tensor[]) => loss(opCase, tensors);

describe('gradients equal central differences', () => {
  test.each(differentiable)('%s', (_, opCase) => expectEqual(opCase, lossOf(opCase)));
});

describe('gradients of gradients equal central differences', () => {
  test.each(differentiable)('%s', (_, opCase) => expectEqual(opCase, gradientAlong(opCase)));
});

/** The value of one tensor with the gradient of another. */
const pretend = (value: Tensor, gradientOf: Tensor) =>
  add(detach(value), sub(gradientOf, detach(gradientOf)));
/** 1, and 0 for the first of the elements [3, 4]. */
const butFirst = () =>
  constant(
    Float32Array.from({ length: 12 }, (_, i) => Number(i > 0)),
    [3, 4],
  );
const half = (x: Tensor) => mul(square(x), 0.5);

describe('central differences see a wrong rule', () => {
  const [a, b] = [normal([3, 4], 1), normal([3, 4], 2)];
  test.each<[string, OpCase]>([
    ['of one element in twelve', { call: (x) => pretend(x, mul(x, butFirst())), inputs: [a] }],
    ['that is off by 1e-4', { call: (x) => pretend(x, mul(x, 1 + 1e-4)), inputs: [a] }],
    ['without a term', { call: (x) => mul(x, detach(x)), inputs: [a] }],
    [
      'with the gradients of its inputs exchanged',
      { call: (x, y) => pretend(mul(x!, y!), add(half(x!), half(y!))), inputs: [a, b] },
    ],
  ])('%s', async (_, opCase) => {
    for (const { difference, scale } of await compareDerivatives(opCase, lossOf(opCase)))
      expect(difference).toBeGreaterThan(10 * ACCURACY * scale);
  });

  test('whose own gradient is wrong', async () => {
    // x²/2 with the gradient x, and the second derivative 0
    const opCase: OpCase = { call: (x) => pretend(half(x), mul(x, detach(x))), inputs: [a] };
    const [first] = await compareDerivatives(opCase, lossOf(opCase));
    expect(first!.difference).toBeLessThanOrEqual(ACCURACY * first!.scale);
    for (const { difference, scale } of await compareDerivatives(opCase, gradientAlong(opCase)))
      expect(difference).toBeGreaterThan(10 * ACCURACY * scale);
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

/** Σ |gradient| of each input that a case differentiates. */
async function gradientSizes(opCase: OpCase, f: (tensors: readonly Tensor[]) => Tensor): Promise<number[]> {
  const { signature, data } = inputsOf(opCase);
  const step = await compile(cpu({ storage: 'f64' }), signature, (inputs) => {
    const tensors = tensorsOf(opCase, inputs);
    const gradients = grad(
      f(tensors),
      wrtOf(opCase).map((i) => tensors[i]!),
    );
    return { outputs: Object.fromEntries(gradients.map((g, i) => [i, sum(abs(g))])) };
  });
  return Promise.all(Object.values(await step(data)).map((value) => value.item()));
}

// Differences of a rule that gives zero everywhere agree with an op that is flat everywhere, and only with that one.
test.each([
  ['first', lossOf],
  ['second', gradientAlong],
] as const)(
  'in some case of every op the %s derivative to each input is not zero',
  { timeout: 60_000 },
  async (_, f) => {
    const flat = new Map<string, Set<number>>();
    for (const [name, opCase] of differentiable) {
      const op = name.split(' ')[0]!;
      const inputs = flat.get(op) ?? new Set(wrtOf(opCase));
      flat.set(op, inputs);
      if (inputs.size === 0) continue;
      const sizes = await gradientSizes(opCase, f(opCase));
      wrtOf(opCase).forEach((i, at) => sizes[at]! > 0 && inputs.delete(i));
    }
    const found = [...flat].flatMap(([op, inputs]) => [...inputs].map((i) => `${op} input ${i}`));
    // steps, and the positions of maxima, which move only where two elements are equal
    expect(found).toEqual([
      'sign input 0',
      'floor input 0',
      'maxPool2dGrad input 0',
      'maxPool2dPick input 0',
    ]);
  },
);
