// Whole programs of many ops, fused and scheduled, against the reference: what no case of a single op meets.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile, cpu, f32, webgpu, type Device, type TypedArray } from '../../src/index.ts';
import { wholeNumbers } from '../programs.ts';
import { randomPrograms, type RandomProgram } from '../random-program.ts';

// values of up to a few thousand, added in another order, then through tanh, whose slope is at most 1
const TOLERANCE = 1e-3;
/** The second step reads what the first one stored. */
const STEPS = 2;

async function run(on: Device, make: RandomProgram, side: number): Promise<TypedArray[]> {
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

test.each([4, 5])('random programs on matrices of side %i', { timeout: 240_000 }, async (side) => {
  const device = await webgpu();
  await fc.assert(
    fc.asyncProperty(randomPrograms(side, 16), async (make) => {
      const [expected, got] = [await run(cpu(), make, side), await run(device, make, side)];
      const worst = Math.max(
        ...expected.flatMap((array, i) =>
          Array.from(array, (value, at) => Math.abs(value - got[i]![at]!) / (1 + Math.abs(value))),
        ),
      );
      expect(worst).toBeLessThanOrEqual(TOLERANCE);
    }),
    { numRuns: 20, seed: 6 },
  );
  device.destroy();
});
