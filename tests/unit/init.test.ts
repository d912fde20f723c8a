import { expect, test } from 'vitest';
import { compile, cpu, f32, HostRandom, nn, Parameter, type Initializer } from '../../src/index.ts';

// The schemes' gains, standard deviations and bounds are golden cases (tests/golden/init/weight_std.json).

const draw = (init: Initializer, shape: number[], seed = 0, name = 'w') =>
  Array.from(init(shape, new HostRandom(seed, name)));

test('constant initialisers fill, and values() gives what it was given', () => {
  expect(draw(nn.init.zeros, [2, 2])).toEqual([0, 0, 0, 0]);
  expect(draw(nn.init.ones, [3])).toEqual([1, 1, 1]);
  expect(draw(nn.init.constantInit(0.5), [2])).toEqual([0.5, 0.5]);
  expect(draw(nn.init.values([1, 2]), [2])).toEqual([1, 2]);
});

test('drawn values depend on the seed and the name only', () => {
  const init = nn.init.normalInit();
  expect(draw(init, [8])).toEqual(draw(init, [8]));
  expect(draw(init, [8], 1)).not.toEqual(draw(init, [8]));
  expect(draw(init, [8], 0, 'v')).not.toEqual(draw(init, [8]));
});

const COUNT = 20_000;
const ERRORS = 5; // standard errors, as in the golden set's note

test('normalInit has its mean and standard deviation, uniformInit its range and moments', () => {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const normal = draw(nn.init.normalInit(0.2, 3), [COUNT]);
  expect(Math.abs(mean(normal) - 3)).toBeLessThan((ERRORS * 0.2) / Math.sqrt(COUNT));
  const std = Math.sqrt(mean(normal.map((v) => (v - 3) ** 2)));
  expect(Math.abs(std - 0.2)).toBeLessThan((ERRORS * 0.2) / Math.sqrt(2 * COUNT));
  const uniform = draw(nn.init.uniformInit(-1, 3), [COUNT]);
  expect(Math.min(...uniform)).toBeGreaterThanOrEqual(-1);
  expect(Math.max(...uniform)).toBeLessThan(3);
  expect(Math.abs(mean(uniform) - 1)).toBeLessThan((ERRORS * 4) / Math.sqrt(12 * COUNT));
});

test.each([
  ['Linear', () => new nn.Linear(300, 200), 1 / Math.sqrt(300)],
  ['Conv2d', () => new nn.Conv2d(8, 100, [3, 5], { groups: 2 }), 1 / Math.sqrt(4 * 3 * 5)],
] as const)('weight and bias of %s start uniform within 1 / sqrt(fan in)', (_, make, bound) => {
  for (const parameter of make().parameters()) {
    const values = parameter.initialValues(0);
    const largest = Math.max(...Array.from(values, Math.abs));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.9 * bound); // 100 values or more: smaller once in 40,000
  }
});

test('parameters of one model start different, and the same in every run with the same seed', async () => {
  const start = async (seed: number) => {
    const device = cpu();
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.Linear(4, 4));
    model.state();
    await compile(device, { x: f32(1, 4) }, ({ x }) => ({ outputs: { y: model.forward(x) } }), { seed });
    return model.readState(device);
  };
  const first = await start(1);
  expect(first.get('0.weight')).not.toEqual(first.get('1.weight'));
  expect(await start(1)).toEqual(first);
  expect(await start(2)).not.toEqual(first);
});

test('wrong shapes and fans are refused', () => {
  expect(() => new Parameter([2, 0], nn.init.zeros)).toThrow(
    'Parameter: expected a shape of positive integers, got [2,0]',
  );
  expect(() => nn.init.fans([5])).toThrow('fans: expected a weight with at least two axes, got [5]');
  const like = new Parameter([2], nn.init.zeros);
  expect(() => new Parameter([3], nn.init.zeros, { like })).toThrow(
    'Parameter: expected the shape of `like`, [2], got [3]',
  );
});
