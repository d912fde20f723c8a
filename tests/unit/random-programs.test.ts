// Gradients of whole random programs: what no case of a single op meets.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { add, compile, cpu, f32, grad, mul, sub, sum, tanh, type Tensor } from '../../src/index.ts';
import { normals } from '../programs.ts';
import { forAll } from '../properties.ts';
import { randomPrograms, type RandomProgram } from '../random-program.ts';

const SIDE = 4;
const RUNS = 150;
/** Float64 is kept between ops; what is read is rounded to float32. */
const ROUNDING = 1e-6;
/** Of central differences in float64, with room for third derivatives of 1e4. */
const DIFFERENCES = 1e-6;
const STEP = 1e-5;

const lossOf = (make: RandomProgram, x: Tensor) => sum(tanh(make(x).outputs[0]!));

async function evaluate(fn: (x: Tensor, v: Tensor) => Readonly<Record<string, Tensor>>) {
  const signature = { x: f32(SIDE, SIDE), v: f32(SIDE, SIDE) };
  const step = await compile(cpu({ storage: 'f64' }), signature, ({ x, v }) => ({ outputs: fn(x, v) }));
  const values = await step({ x: normals(SIDE * SIDE, 1), v: normals(SIDE * SIDE, 2) } as never);
  const results: Record<string, number[]> = {};
  for (const [name, value] of Object.entries(values)) results[name] = [...(await value.data())];
  return results;
}

test('the gradient of a random program is its slope in any direction', async () => {
  let slopes = 0;
  await forAll(
    randomPrograms(SIDE, 16, { smooth: true }),
    async (make) => {
      const { analytic, numeric } = await evaluate((x, v) => {
        const at = (by: number) => lossOf(make, add(x, mul(v, by)));
        return {
          analytic: sum(mul(grad(lossOf(make, x), [x])[0]!, v)),
          numeric: mul(sub(at(STEP), at(-STEP)), 1 / (2 * STEP)),
        };
      });
      const difference = Math.abs(analytic![0]! - numeric![0]!);
      expect(difference).toBeLessThanOrEqual(DIFFERENCES * (1 + Math.abs(numeric![0]!)));
      if (Math.abs(numeric![0]!) > 1e-3) slopes++;
    },
    RUNS,
  );
  expect(slopes, 'programs that depend on x').toBeGreaterThan(RUNS / 4);
});

test('grad is linear: the gradient of a f + b g is a times that of f plus b times that of g', () =>
  forAll(
    fc.tuple(randomPrograms(SIDE, 8), randomPrograms(SIDE, 8), fc.integer({ min: -4, max: 4 }), fc.nat(4)),
    async ([f, g, a, b]) => {
      const { together, apart } = await evaluate((x) => {
        const [first, second] = [lossOf(f, x), lossOf(g, x)];
        const [df, dg] = [grad(first, [x])[0]!, grad(second, [x])[0]!];
        return {
          together: grad(add(mul(first, a), mul(second, b)), [x])[0]!,
          apart: add(mul(df, a), mul(dg, b)),
        };
      });
      const scale = 1 + Math.max(...apart!.map(Math.abs));
      together!.forEach((value, i) =>
        expect(Math.abs(value - apart![i]!)).toBeLessThanOrEqual(ROUNDING * scale),
      );
    },
    RUNS,
  ));
