import { expect, test } from 'vitest';
import {
  bernoulli,
  compile,
  cpu,
  f32,
  HostRandom,
  nn,
  normal,
  randomBits,
  uniform,
} from '../../src/index.ts';
import { philox4x32 } from '../../src/graph/index.ts';

const hex = (words: readonly number[]) => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');

// The known answers that the authors publish with Random123 (kat_vectors, philox 4x32 10).
test.each([
  [[0, 0], [0, 0, 0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    '408f276d 41c83b0e a20bc7c6 6d5451fd',
  ],
  [
    [0xa4093822, 0x299f31d0],
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  ],
] as [[number, number], [number, number, number, number], string][])(
  'philox4x32 with key %j and counter %j gives the published words',
  (key, counter, words) => {
    expect(hex(philox4x32(...key, ...counter))).toBe(words);
  },
);

/** Runs a program without inputs for some steps and returns its output of each. */
async function draws(
  make: () => ReturnType<typeof uniform>,
  { steps = 1, seed = 0 }: { steps?: number; seed?: number } = {},
): Promise<number[][]> {
  const step = await compile(cpu(), {}, () => ({ outputs: { y: make() } }), { seed });
  const results = [];
  for (let i = 0; i < steps; i++) results.push([...(await (await step({})).y.data())]);
  return results;
}

test('random tensors are new at every step and the same for the same seed', async () => {
  const [first, second] = await draws(() => uniform([8]), { steps: 2 });
  expect(second).not.toEqual(first);
  expect(await draws(() => uniform([8]), { steps: 2 })).toEqual([first, second]);
  expect(await draws(() => uniform([8]), { steps: 2, seed: 1 })).not.toEqual([first, second]);
});

test('streams are told apart by call order or by name', async () => {
  const step = await compile(cpu(), {}, () => ({
    outputs: {
      a: randomBits([4]),
      b: randomBits([4]),
      named: randomBits([4], { stream: 'noise' }),
      again: randomBits([4], { stream: 'noise' }),
    },
  }));
  const { a, b, named, again } = await step({});
  const words = [[...(await a.data())], [...(await b.data())], [...(await named.data())]];
  expect(new Set(words.flat()).size).toBe(12);
  expect([...(await again.data())]).toEqual(words[2]);
});

const COUNT = 20_000;
/** Five standard errors: a correct generator fails one such check in two million. */
const ERRORS = 5;

function moments(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

test('uniform numbers fill [0, 1) evenly', async () => {
  const values = (await draws(() => uniform([COUNT])))[0]!;
  const { mean, variance } = moments(values);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  expect(Math.abs(mean - 1 / 2)).toBeLessThan(ERRORS * Math.sqrt(1 / 12 / COUNT));
  expect(Math.abs(variance - 1 / 12)).toBeLessThan(ERRORS * Math.sqrt(1 / 180 / COUNT));
  const counts = new Array<number>(16).fill(0);
  for (const value of values) counts[Math.floor(16 * value)]!++;
  const chiSquared = counts.reduce((sum, n) => sum + (n - COUNT / 16) ** 2 / (COUNT / 16), 0);
  expect(chiSquared).toBeLessThan(50); // 15 degrees of freedom: beyond 50 once in 80,000
});

test('normal numbers have mean 0, variance 1, and the normal tails', async () => {
  const values = (await draws(() => normal([COUNT])))[0]!;
  const { mean, variance } = moments(values);
  expect(Math.abs(mean)).toBeLessThan(ERRORS / Math.sqrt(COUNT));
  expect(Math.abs(variance - 1)).toBeLessThan(ERRORS * Math.sqrt(2 / COUNT));
  const beyondTwo = values.filter((v) => Math.abs(v) > 2).length / COUNT;
  const share = 0.0455003; // P(|z| > 2)
  expect(Math.abs(beyondTwo - share)).toBeLessThan(ERRORS * Math.sqrt((share * (1 - share)) / COUNT));
});

test('bernoulli(p) is 1 with probability p', async () => {
  const values = (await draws(() => bernoulli(0.3, [COUNT])))[0]!;
  expect(new Set(values)).toEqual(new Set([0, 1]));
  expect(Math.abs(moments(values).mean - 0.3)).toBeLessThan(ERRORS * Math.sqrt((0.3 * 0.7) / COUNT));
});

test('a random op outside of compile says where it belongs', () => {
  expect(() => uniform([3])).toThrow(
    'uniform: expected to be called while compile() traces a function, got a call outside of it',
  );
});

test('a permutation holds every index once, in an order that depends on the seed', () => {
  const order = new HostRandom(1, 'shuffle').permutation(1000);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect([...new HostRandom(2, 'shuffle').permutation(1000)]).not.toEqual([...order]);
  expect([...new HostRandom(1, 'shuffle').permutation(1000)]).toEqual([...order]);
});

test('dropout keeps the mean, keeps a share 1 - p, scales by 1 / (1 - p), and does nothing in evaluation', async () => {
  const p = 0.25;
  const layer = new nn.Dropout(p);
  const run = async () => {
    const step = await compile(cpu(), { x: f32(COUNT) }, ({ x }) => ({ outputs: { y: layer.forward(x) } }));
    return [...(await (await step({ x: new Float32Array(COUNT).fill(3) })).y.data())];
  };
  const trained = await run();
  expect(new Set(trained)).toEqual(new Set([0, 4]));
  const kept = trained.filter((v) => v !== 0).length / COUNT;
  expect(Math.abs(kept - (1 - p))).toBeLessThan(ERRORS * Math.sqrt((p * (1 - p)) / COUNT));
  expect(Math.abs(moments(trained).mean - 3)).toBeLessThan(ERRORS * 4 * Math.sqrt((p * (1 - p)) / COUNT));
  layer.eval();
  expect(new Set(await run())).toEqual(new Set([3]));
});

test('dropout refuses p outside [0, 1)', () => {
  expect(() => new nn.Dropout(1)).toThrow('Dropout: expected p in [0, 1), got 1');
  expect(() => new nn.Dropout(-0.1)).toThrow('Dropout: expected p in [0, 1), got -0.1');
});
