// The same seed draws the same numbers on both backends, for arbitrary seeds, streams, shapes and steps.
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import {
  bernoulli,
  compile,
  cpu,
  f32,
  grad,
  nn,
  normal,
  randomBits,
  sum,
  uniform,
  webgpu,
  type Device,
  type TypedArray,
} from '../../src/index.ts';
import { forAll, shapes } from '../properties.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 60_000 });

/** Largest difference of two normals: the shader evaluates its own series (docs/design.md, "Random numbers"). */
const NORMALS = 1e-5;
const STEPS = 3;

interface Draws {
  readonly seed: number;
  readonly shape: readonly number[];
  readonly p: number;
  /** Streams by name, or by order of calls. */
  readonly stream: string | undefined;
}

/** Results of each step by name. */
async function draw(on: Device, { seed, shape, p, stream }: Draws): Promise<Map<string, TypedArray>> {
  const options = stream === undefined ? {} : { stream };
  const dropout = new nn.Dropout(p);
  const step = await compile(
    on,
    { x: f32(...shape) },
    ({ x }) => {
      const dropped = dropout.forward(x);
      return {
        outputs: {
          bits: randomBits(shape, options),
          uniform: uniform(shape, options),
          normal: normal(shape, options),
          bernoulli: bernoulli(p, shape, options),
          dropped,
          'gradient of dropped': grad(sum(dropped), [x])[0]!,
        },
      };
    },
    { seed },
  );
  const results = new Map<string, TypedArray>();
  const x = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
  for (let i = 0; i < STEPS; i++)
    for (const [name, value] of Object.entries(await step({ x })))
      results.set(`${name}, step ${i}`, await value.data());
  step.release();
  return results;
}

test('bits, uniform numbers, coins and masks are equal on both backends, and normals to 1e-5', async () => {
  const device = await webgpu();
  await forAll(
    fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      shape: shapes(1, 3, 11),
      p: fc.double({ min: 0, max: 0.95, noNaN: true }),
      stream: fc.option(fc.string(), { nil: undefined }),
    }),
    async (draws) => {
      const [expected, got] = [await draw(cpu(), draws), await draw(device, draws)];
      for (const [name, values] of expected) {
        if (!name.startsWith('normal')) expect(got.get(name), name).toEqual(values);
        else
          values.forEach((value, i) =>
            expect(Math.abs(got.get(name)![i]! - value), name).toBeLessThanOrEqual(NORMALS),
          );
      }
      // another step is another draw, at least where equal ones are out of the question
      if (expected.get('bits, step 0')!.length > 1)
        expect(got.get('bits, step 0')).not.toEqual(got.get('bits, step 1'));
    },
  );
  device.destroy();
});

test('a seed counts modulo 2^32, on both backends', async () => {
  const device = await webgpu();
  for (const on of [cpu(), device]) {
    const same = { shape: [5], p: 0.5, stream: undefined };
    expect(await draw(on, { ...same, seed: 2 ** 32 + 7 })).toEqual(await draw(on, { ...same, seed: 7 }));
    expect(await draw(on, { ...same, seed: -1 })).toEqual(await draw(on, { ...same, seed: 2 ** 32 - 1 }));
  }
  device.destroy();
});
