import { expect, test } from 'vitest';
import * as C from '../../src/index.ts';
import { compile, constant, cpu, type Tensor } from '../../src/index.ts';

// What the golden set has no case for: integers, booleans, extremes, and small composites.

async function evaluate(make: () => Tensor): Promise<number[]> {
  const step = await compile(cpu(), {}, () => ({ outputs: { y: make() } }));
  return [...(await (await step({})).y.data())];
}
const i32 = (...values: number[]) => constant(Int32Array.from(values));
const u32 = (...values: number[]) => constant(Uint32Array.from(values));
const f32 = (...values: number[]) => constant(values);

test.each<[string, () => Tensor, number[]]>([
  ['i32 multiplication wraps', () => C.mul(i32(65536, 3), i32(65536, -4)), [0, -12]],
  ['i32 addition wraps', () => C.add(i32(2147483647), 1), [-2147483648]],
  ['u32 subtraction wraps', () => C.sub(u32(0), 1), [4294967295]],
  ['integer division truncates towards 0', () => C.div(i32(7, -7, 7, -7), i32(2, 2, -2, -2)), [3, -3, -3, 3]],
  ['f32 to i32 truncates', () => C.cast(f32(-1.9, -0.5, 0.5, 1.9), 'i32'), [-1, 0, 0, 1]],
  ['anything but 0 casts to true', () => C.cast(f32(0, -0, 0.5, -3), 'bool'), [0, 0, 1, 1]],
  ['true casts to 1', () => C.cast(C.gt(f32(1, 2, 3), 2), 'f32'), [0, 0, 1]],
  ['comparisons', () => C.le(i32(1, 2, 3), 2), [1, 1, 0]],
  [
    'and, or, not',
    () => C.or(C.and(C.gt(i32(1, 2, 3), 1), C.lt(i32(1, 2, 3), 3)), C.not(C.gt(i32(1, 2, 3), 1))),
    [1, 1, 0],
  ],
  ['a number takes the dtype of the tensor', () => C.add(i32(1, 2), 1), [2, 3]],
  ['where with a nonzero i32 condition', () => C.where(i32(0, 1, -5), 1, 2), [2, 1, 1]],
  ['iota counts along its axis', () => C.iota([2, 3], 1), [0, 1, 2, 0, 1, 2]],
  ['oneHot', () => C.cast(C.oneHot(i32(2, 0, 3), 3), 'i32'), [0, 0, 1, 1, 0, 0, 0, 0, 0]],
  ['argmax takes the first of a tie', () => C.argmax(f32(1, 3, 3)), [1]],
  ['min', () => C.min(f32(3, -2, 5)), [-2]],
  [
    'variance, biased and unbiased',
    () => C.stack([C.variance(f32(1, 2, 3, 4, 5)), C.variance(f32(1, 2, 3, 4, 5), { correction: 1 })]),
    [2, 2.5],
  ],
  ['stack on a new last axis', () => C.stack([f32(1, 2), f32(3, 4)], -1), [1, 3, 2, 4]],
  ['flatten from an axis', () => C.constant([...C.flatten(C.fill(0, [2, 3, 4, 5]), 2).shape]), [2, 3, 20]],
  ['pad between elements', () => C.pad(f32(1, 2, 3), [[1, 0, 1]], 9), [9, 1, 9, 2, 9, 3]],
  ['slice from the end', () => C.slice(f32(1, 2, 3, 4, 5), [[-4, -1, 2]]), [2, 4]],
  ['scatterAdd adds repeated indices', () => C.scatterAdd(i32(1, 1, 0), f32(1, 2, 4), 0, 3), [4, 3, 0]],
  ['gather reads 0 outside', () => C.gather(f32(7, 8), i32(-1, 1, 2), 0), [0, 8, 0]],
  ['softmax of large numbers', () => C.softmax(f32(1000, 1000, -1000)), [0.5, 0.5, 0]],
  ['logSoftmax of large numbers', () => C.logSoftmax(f32(1000, 0)), [0, -1000]],
  ['logSumExp of large numbers', () => C.logSumExp(f32(1000, 1000)), [Math.fround(1000 + Math.log(2))]],
  ['sigmoid of large numbers', () => C.sigmoid(f32(-1000, 1000)), [0, 1]],
  ['softplus of large numbers', () => C.softplus(f32(-1000, 1000)), [0, 1000]],
  ['tanh of large numbers', () => C.tanh(f32(-1000, 1000)), [-1, 1]],
  [
    'erf at its table values',
    () => C.erf(f32(0, 0.5, -2, 4)),
    [0, 0.5204998778, -0.995322265, 0.9999999846].map(Math.fround),
  ],
  ['NaN passes relu', () => C.relu(f32(NaN, -1)), [NaN, 0]],
  ['a number power of a negative base', () => C.pow(f32(-2, -2), f32(3, 2)), [-8, 4]],
])('%s', async (_, make, expected) => {
  expect((await evaluate(make)).map((value) => (value === 0 ? 0 : value))).toEqual(expected);
});

test('constant checks its size, and copies its data', () => {
  expect(() => constant([1, 2, 3], [2])).toThrow('constant: expected 2 elements, got 3');
  const data = Float32Array.of(1, 2);
  const c = constant(data);
  data[0] = 9;
  expect(c.attrs.data[0]).toBe(1);
});
