// What the reference device makes of NaN and infinities, as the table in docs/design.md says.
import { expect, test } from 'vitest';
import * as C from '../../src/index.ts';
import { compile, cpu, grad, nn, type Tensor } from '../../src/index.ts';

const x = (...values: number[]) => C.constant(values);
const i32 = (...values: number[]) => C.constant(Int32Array.from(values));
const both = x(NaN, 1);

async function evaluate(make: () => Tensor): Promise<number[]> {
  const step = await compile(cpu(), {}, () => ({ outputs: { y: make() } }));
  return [...(await (await step({})).y.data())];
}

const FUNCTIONS: Readonly<Record<string, (t: Tensor) => Tensor>> = {
  neg: C.neg,
  abs: C.abs,
  sign: C.sign,
  floor: C.floor,
  exp: C.exp,
  log: C.log,
  sqrt: C.sqrt,
  square: C.square,
  sin: C.sin,
  cos: C.cos,
  tanh: C.tanh,
  sigmoid: C.sigmoid,
  atan: C.atan,
  softplus: C.softplus,
  erf: C.erf,
  relu: C.relu,
  leakyRelu: (t) => C.leakyRelu(t),
  silu: C.silu,
  gelu: (t) => C.gelu(t),
  'gelu (tanh)': (t) => C.gelu(t, 'tanh'),
  clamp: (t) => C.clamp(t, 0, 2),
};
test.each(Object.entries(FUNCTIONS))('%s of NaN is NaN, and of its neighbour is not', async (_, f) => {
  expect((await evaluate(() => f(both))).map(Number.isNaN)).toEqual([true, false]);
});

const OPERATORS = { add: C.add, sub: C.sub, mul: C.mul, div: C.div, maximum: C.maximum, minimum: C.minimum };
test.each(Object.entries(OPERATORS))('%s with NaN on either side is NaN', async (_, f) => {
  for (const make of [() => f(both, 0.5), () => f(0.5, both)])
    expect((await evaluate(make)).map(Number.isNaN)).toEqual([true, false]);
});

test.each<[string, () => Tensor, number[]]>([
  ['pow: NaN, but for the exponent 0', () => C.pow(x(NaN, NaN), x(1, 0)), [NaN, 1]],
  [
    'comparisons are false',
    () => C.stack([C.eq(both, NaN), C.lt(both, NaN), C.ge(both, NaN)]),
    [0, 0, 0, 0, 0, 0],
  ],
  ['but ne is true', () => C.ne(both, both), [1, 0]],
  ['where takes a branch without looking at the other', () => C.where(C.gt(both, 0), both, 7), [7, 1]],
  [
    'cast: true, and 0',
    () => C.concat([C.cast(C.cast(both, 'bool'), 'i32'), C.cast(both, 'i32')]),
    [1, 1, 0, 1],
  ],
  ['sums are NaN', () => C.stack([C.sum(both), C.mean(both), C.variance(both)]), [NaN, NaN, NaN]],
  ['max skips NaN unless it is first', () => C.stack([C.max(x(1, NaN, 2)), C.max(x(NaN, 1, 2))]), [2, NaN]],
  ['min skips NaN unless it is first', () => C.stack([C.min(x(1, NaN, 2)), C.min(x(NaN, 1, 2))]), [1, NaN]],
  [
    'argmax skips NaN unless it is first',
    () => C.stack([C.argmax(x(1, NaN, 2)), C.argmax(x(NaN, 1, 2))]),
    [2, 0],
  ],
  ['softmax: its row', () => C.softmax(C.constant([1, NaN, 1, 1], [2, 2])), [NaN, NaN, 0.5, 0.5]],
  [
    'matmul: the rows and columns that it is in, also times 0',
    () => C.matmul(C.constant([NaN, 1, 0, 1], [2, 2]), C.constant([0, 1, 1, 1], [2, 2])),
    [NaN, NaN, 1, 1],
  ],
  [
    'conv2d: the windows that it is in; zeros of the padding multiply nothing',
    () =>
      C.conv2d(C.constant([Infinity, 1, 1], [1, 1, 1, 3]), C.constant([1, 0], [1, 1, 1, 2]), null, {
        padding: [0, 1],
      }),
    [NaN, Infinity, 1, 1],
  ],
  [
    'moving elements moves it',
    () => C.concat([C.slice(both, [[0, 1]]), C.pad(both, [[1, 0]])]),
    [NaN, 0, NaN, 1],
  ],
  ['scatterAdd: the place that it goes to', () => C.scatterAdd(i32(0, 1), both, 0, 3), [NaN, 1, 0]],
  [
    'the gradient of a branch that is not taken: 0 times its slope',
    () => {
      const t = x(0, 4);
      return grad(C.sum(C.where(C.gt(t, 0), C.sqrt(t), 0)), [t])[0]!;
    },
    [NaN, 0.25],
  ],
  ['a loss: NaN', () => nn.mse(both, x(0, 0)), [NaN]],
  ['overflow is an infinity, and infinities cancel to NaN', () => C.sub(C.exp(x(100)), C.exp(x(100))), [NaN]],
])('%s', async (_, make, expected) => {
  expect(await evaluate(make)).toEqual(expected);
});
