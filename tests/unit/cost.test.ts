import { expect, test } from 'vitest';
import {
  add,
  conv2d,
  convTranspose2d,
  embedding,
  exp,
  matmul,
  mul,
  relu,
  scaledDotProductAttention,
  scan,
  slice,
  sum,
  tanh,
  type Tensor,
} from '../../src/index.ts';
import { input } from '../../src/ops/index.ts';
import { costOf, costOfPlan, formatCost, printPlan } from '../../src/plan/index.ts';
import { mlpStep, parameter, planOf, trace } from '../programs.ts';

const x = (...shape: number[]) => input('x', shape, 'f32');
const w = (...shape: number[]) => input('w', shape, 'f32');
const costOfResult = (result: Tensor) =>
  costOfPlan(planOf({ inputs: new Map(), outputs: new Map([['y', result]]), updates: [], seed: 0 }));

test.each([
  ['matmul: 2 m n k', () => matmul(x(3, 5), w(5, 7)), 2 * 3 * 5 * 7, 15 + 35 + 21],
  ['batched matmul with one shared matrix', () => matmul(x(4, 3, 5), w(5, 7)), 2 * 4 * 105, 60 + 35 + 84],
  ['its epilogue', () => relu(add(matmul(x(3, 5), w(5, 7)), 1)), 2 * 105 + 2 * 21, 15 + 35 + 21],
  ['a chain, which reads what it shares once', () => mul(exp(x(6, 4)), w(6, 4)), 2 * 24, 3 * 24],
  ['the square of an input, read once', () => ((y) => mul(y, y))(x(6, 4)), 24, 2 * 24],
  ['a broadcast row', () => add(x(6, 4), w(4)), 24, 24 + 4 + 24],
  ['a slice', () => exp(slice(x(6, 4), [[2, 3]])), 4, 4 + 4],
  [
    'two slices of one buffer',
    () => ((y) => add(slice(y, [[0, 2]]), slice(y, [[2, 4]])))(x(6, 4)),
    8,
    16 + 8,
  ],
  ['a sum of squares', () => ((y) => sum(mul(y, y), { axes: 1 }))(x(6, 40)), 2 * 240, 240 + 6],
  ['rows of a table', () => embedding(w(1000, 8), input('i', [5], 'i32')), 0, 5 * 8 + 5 + 5 * 8],
] as const)('the cost of %s', (_, make, flops, elements) => {
  expect(costOfResult(make())).toEqual({ flops, bytes: 4 * elements });
});

test('a convolution costs 2 · results · taps · channels in, and a transposed one what its adjoint does', () => {
  const forward = costOfResult(conv2d(x(2, 4, 8, 8), w(8, 4, 3, 3)));
  const adjoint = costOfResult(convTranspose2d(x(2, 8, 6, 6), w(8, 4, 3, 3)));
  expect(forward.flops).toBe(2 * (2 * 8 * 6 * 6) * 9 * 4);
  expect(adjoint.flops).toBe(forward.flops);
});

test('causal attention counts the pairs that see each other', () => {
  const [q, k, v] = ['q', 'k', 'v'].map((name) => input(name, [2, 3, 16, 8], 'f32')) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const flops = (causal: boolean) => costOfResult(scaledDotProductAttention(q, k, v, { causal })).flops;
  expect(flops(false)).toBe(2 * 3 * 16 * 16 * (4 * 8 + 4));
  expect(flops(true) / flops(false)).toBe((16 * 17) / 2 / 256);
});

test('a loop costs its body times its steps, and says so of itself', () => {
  const cost = (steps: number) => {
    const h0: Tensor = parameter('h', [4, 8], []);
    const weight = parameter('u', [8, 8], []);
    const { carry } = scan(
      (h, xt) => {
        const next = tanh(add(matmul(h, weight), xt));
        return [next, next];
      },
      h0,
      x(steps, 4, 8),
    );
    const plan = planOf({ inputs: new Map(), outputs: new Map([['y', carry]]), updates: [], seed: 0 });
    return costOf(plan.kernels.find((kernel) => plan.loops.has(kernel))!, plan);
  };
  expect(cost(12).flops).toBe(12 * (2 * 4 * 8 * 8 + 2 * 32));
  expect(cost(12).bytes).toBe(6 * cost(2).bytes);
});

test('a training step costs about three times its forward products', async () => {
  const { signature, fn } = mlpStep();
  const plan = planOf(await trace(signature, fn));
  // forward, weights, and the input's gradient but for the first layer's
  const products = 2 * 128 * (3 * (784 * 256 + 256 * 128 + 128 * 10) - 784 * 256);
  const { flops } = costOfPlan(plan);
  expect(flops).toBeGreaterThan(products);
  expect(flops).toBeLessThan(1.1 * products);
});

test('a note stands at the end of each kernel’s line', () => {
  const y = matmul(x(300, 500), w(500, 700));
  const plan = planOf({ inputs: new Map(), outputs: new Map([['y', y]]), updates: [], seed: 0 });
  expect(printPlan(plan, (kernel) => `  | ${formatCost(costOf(kernel, plan))}`)).toMatchInlineSnapshot(`
    "0: matmul(x[300, 500], w[500, 700]) -> s0[300, 700]  | 210 MFLOP, 2.84 MB
    1 dispatches, 1 slots of 840000 bytes"
  `);
});
