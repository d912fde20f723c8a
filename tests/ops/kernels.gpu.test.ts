import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  compile,
  cpu,
  type CompileOptions,
  type Device,
  type Signature,
  type TypedArray,
} from '../../src/index.ts';
import { allCases, inputsOf, resultAndGradients, tensorsOf, weightsFor } from '../case-program.ts';
import { openDevice } from '../device.ts';
import { caseName, EXACT, type OpCase, type Tolerance } from '../op-cases.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('webgpu');
});
afterAll(() => device.destroy());

/** Two steps: the second has another random counter, and buffers that hold the results of the first. */
const STEPS = 2;

/** Long enough for the largest tensors on a software adapter that shares its two cores. */
const TIMEOUT_MS = 60_000;

/** Outputs of each step of a case's program. */
async function run(
  on: Device,
  opCase: OpCase,
  shapeOfY: readonly number[] | null,
  count: number,
  options: CompileOptions = {},
) {
  const { signature, data } = inputsOf(opCase);
  const weighted: { signature: Signature; data: Record<string, TypedArray> } =
    shapeOfY === null
      ? { signature, data }
      : {
          signature: { ...signature, weights: { dtype: 'f32', shape: shapeOfY } },
          data: { ...data, weights: weightsFor(shapeOfY) },
        };
  const step = await compile(
    on,
    weighted.signature,
    (inputs) => resultAndGradients(opCase, tensorsOf(opCase, inputs), () => inputs['weights']!),
    options,
  );
  const steps = [];
  for (let i = 0; i < count; i++) {
    const values = Object.entries(await step(weighted.data));
    steps.push(new Map(await Promise.all(values.map(async ([name, v]) => [name, await v.data()] as const))));
  }
  step.release();
  return steps;
}

/** The shape of a case's result if it has gradients, else null. */
async function shapeToWeigh(opCase: OpCase): Promise<readonly number[] | null> {
  let shape: readonly number[] | null = null;
  await compile(cpu(), inputsOf(opCase).signature, (inputs) => {
    const y = opCase.call(...tensorsOf(opCase, inputs));
    if (y.dtype === 'f32' && !opCase.expected) shape = y.shape;
    return { outputs: { y } };
  });
  return shape;
}

/** What is wrong with `got`, or null: the element that is furthest outside the tolerance. */
function mismatch(got: TypedArray, expected: TypedArray, { rtol, atol }: Tolerance): string | null {
  if (got.length !== expected.length) return `${got.length} elements, expected ${expected.length}`;
  let largest = 0;
  for (const value of expected) largest = Math.max(largest, Math.abs(value));
  let worst = 1;
  let message: string | null = null;
  for (let i = 0; i < expected.length; i++) {
    if (got[i] === expected[i]) continue;
    const error = Math.abs(got[i]! - expected[i]!) / (rtol * Math.abs(expected[i]!) + atol * largest);
    if (error > worst || Number.isNaN(error)) {
      message = `element ${i} is ${got[i]}, expected ${expected[i]} (${error.toPrecision(3)} times the tolerance; largest element ${largest})`;
      if (Number.isNaN(error)) return message;
      worst = error;
    }
  }
  return message;
}

const cases = allCases.filter(([, { throws }]) => throws === undefined);

test.each(cases.map(([op, opCase]) => [caseName(op, opCase), opCase] as const))(
  '%s',
  async (_, opCase) => {
    const shape = await shapeToWeigh(opCase);
    const count = opCase.expected ? 1 : STEPS;
    const expected = opCase.expected
      ? [new Map([['y', opCase.expected(...opCase.inputs.map((input) => input.data()))]])]
      : await run(cpu({ storage: 'f64' }), opCase, shape, count);
    const got = await run(device, opCase, shape, count);
    const { tolerance = EXACT, gradientTolerance = tolerance } = opCase;
    const problems = expected.flatMap((outputs, step) =>
      [...outputs].flatMap(([name, values]) => {
        const problem = mismatch(got[step]!.get(name)!, values, name === 'y' ? tolerance : gradientTolerance);
        return problem === null ? [] : [`step ${step}, ${name}: ${problem}`];
      }),
    );
    expect(problems).toEqual([]);
    // The bounds that users' checks go by allow what every kernel does.
    if (!opCase.expected && !opCase.large) await run(device, opCase, shape, 1, { check: 'cpu' });
  },
  TIMEOUT_MS,
);
