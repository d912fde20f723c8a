// Whole programs of many ops, fused and scheduled, against the reference: what no case of a single op meets.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  compile,
  cpu,
  f32,
  grad,
  sum,
  tanh,
  webgpu,
  type Device,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import { wholeNumbers } from '../programs.ts';
import { forAll } from '../properties.ts';
import { randomPrograms, type RandomProgram } from '../random-program.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 240_000 });

let device: Device;
beforeAll(async () => {
  device = await webgpu();
});
afterAll(() => device.destroy());

// values of up to a few thousand, added in another order, then through tanh, whose slope is at most 1
const TOLERANCE = 1e-3;
/** The second step reads what the first one stored. */
const STEPS = 2;

/** Results of all steps, then the parameters that the program updates. */
async function run(
  on: Device,
  side: number,
  make: (x: Tensor) => Pick<ReturnType<RandomProgram>, 'outputs' | 'updates'>,
): Promise<TypedArray[]> {
  const results: TypedArray[] = [];
  let parameters: readonly { read(device: Device): Promise<TypedArray> }[] = [];
  const step = await compile(on, { x: f32(side, side) }, ({ x }) => {
    const { outputs, updates } = make(x);
    parameters = updates.map(([p]) => p);
    return { outputs: Object.fromEntries(outputs.map((y, i) => [i, y])), updates };
  });
  for (let i = 0; i < STEPS; i++) {
    const out = await step({ x: wholeNumbers(side * side, 7 + i) as Float32Array<ArrayBuffer> });
    for (const value of Object.values(out)) results.push(await value.data());
  }
  for (const p of parameters) results.push(await p.read(on));
  step.release();
  return results;
}

test.each([4, 5])('random programs on matrices of side %i', (side) =>
  forAll(
    randomPrograms(side, 16),
    async (make) => {
      const [expected, got] = [await run(cpu(), side, make), await run(device, side, make)];
      const worst = Math.max(
        ...expected.flatMap((array, i) =>
          Array.from(array, (value, at) => Math.abs(value - got[i]![at]!) / (1 + Math.abs(value))),
        ),
      );
      expect(worst).toBeLessThanOrEqual(TOLERANCE);
    },
    20,
  ),
);

/** The gradients of a program's first result beside it, which also become the updates' next values. */
const withGradients = (make: RandomProgram) => (x: Tensor) => {
  const { outputs, updates, parameters } = make(x);
  const loss = sum(tanh(outputs[0]!));
  return { outputs: [loss, ...grad(loss, [x, ...parameters])], updates };
};

test('gradients of random programs', () =>
  forAll(
    randomPrograms(4, 10, { smooth: true }),
    async (make) => {
      const expected = await run(cpu(), 4, withGradients(make));
      const got = await run(device, 4, withGradients(make));
      const worst = expected.map((array, i) => {
        const scale = 1 + Math.max(...array.map(Math.abs));
        return Math.max(...Array.from(array, (value, at) => Math.abs(value - got[i]![at]!))) / scale;
      });
      expect(Math.max(...worst)).toBeLessThanOrEqual(TOLERANCE);
    },
    8,
  ));
