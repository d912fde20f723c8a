import { expect, test } from 'vitest';
import {
  add,
  argmax,
  cast,
  clamp,
  compile,
  cpu,
  detach,
  f32,
  fill,
  grad,
  log,
  max,
  maximum,
  maxPool2d,
  mul,
  nn,
  pad,
  Parameter,
  pow,
  relu,
  slice,
  sum,
  where,
  gt,
  type Tensor,
} from '../../src/index.ts';

/** The gradient of sum(f(x)) at x. */
async function gradientAt(f: (x: Tensor) => Tensor, x: readonly number[], shape = [x.length]) {
  const step = await compile(cpu(), { x: { dtype: 'f32', shape } }, (inputs) => {
    const [dx] = grad(sum(f(inputs.x)), [inputs.x]);
    return { outputs: { dx: dx! } };
  });
  return [...(await (await step({ x: Float32Array.from(x) })).dx.data())];
}

test('grad wants a scalar loss and says how to make one', () => {
  expect(() => grad(fill(1, [32]), [])).toThrow(
    'grad: expected a scalar loss [], got [32]. Reduce it with mean() or sum() first.',
  );
  const x = new Parameter([2], nn.init.zeros, { dtype: 'i32' });
  expect(() => grad(sum(x), [x])).toThrow('grad: expected f32 tensors');
});

test('the gradient of a tensor that the loss does not use is zeros of its shape', async () => {
  const unused = new Parameter([2, 3], nn.init.ones, { name: 'unused' });
  const step = await compile(cpu(), { x: f32(2) }, ({ x }) => {
    const [du, dx] = grad(sum(x), [unused, x]);
    return { outputs: { du: du!, dx: dx! } };
  });
  const { du, dx } = await step({ x: new Float32Array(2) });
  expect(du.shape).toEqual([2, 3]);
  expect([...(await du.data())]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([...(await dx.data())]).toEqual([1, 1]);
});

test('the gradient of a loss with respect to itself is 1', async () => {
  const step = await compile(cpu(), { x: f32() }, ({ x }) => ({ outputs: { g: grad(x, [x])[0]! } }));
  expect(await (await step({ x: Float32Array.of(5) })).g.item()).toBe(1);
});

test('detach, argmax and casts to integers stop the gradient', async () => {
  expect(await gradientAt((x) => mul(detach(x), x), [3])).toEqual([3]);
  expect(await gradientAt((x) => cast(argmax(x), 'f32'), [1, 2, 3])).toEqual([0, 0, 0]);
  expect(await gradientAt((x) => mul(cast(cast(x, 'i32'), 'f32'), x), [2.5])).toEqual([2]);
});

test('at a kink the gradient is what the documentation says', async () => {
  expect(await gradientAt(relu, [-1, 0, 1])).toEqual([0, 0, 1]);
  expect(await gradientAt((x) => clamp(x, -1, 1), [-2, -1, 0, 1, 2])).toEqual([0, 1, 1, 1, 0]);
  // ties go to the first: of the operands, of the elements, of the window
  expect(await gradientAt((x) => maximum(x, 2), [1, 2, 3])).toEqual([0, 1, 1]);
  expect(await gradientAt((x) => max(x), [1, 3, 3])).toEqual([0, 1, 0]);
  expect(await gradientAt((x) => maxPool2d(x, 2), [5, 5, 5, 5], [1, 1, 2, 2])).toEqual([1, 0, 0, 0]);
});

test('a branch that is not taken does not spoil the gradient when it is finite', async () => {
  const safeLog = (x: Tensor) => where(gt(x, 0), log(where(gt(x, 0), x, 1)), 0);
  expect(await gradientAt(safeLog, [-1, 0, 2])).toEqual([0, 0, 0.5]);
});

test('the gradient of pow is finite at base 0', async () => {
  expect(await gradientAt((x) => pow(x, 2), [0, 3])).toEqual([0, 6]);
});

test('the gradient of an empty tensor is empty, also between padding', async () => {
  const empty = (x: Tensor) => pad(slice(x, [[0, 0]]), [[0, 3, 1]], 5);
  expect(await gradientAt(empty, [1, 2])).toEqual([0, 0]);
});

test('a tensor used twice gets the sum of both gradients', async () => {
  expect(await gradientAt((x) => add(mul(x, x), x), [3])).toEqual([7]);
});

test('the third derivative of x^4 is 24 x', async () => {
  const fourth = (x: Tensor) => mul(mul(x, x), mul(x, x));
  const third = (x: Tensor) => {
    const [first] = grad(sum(fourth(x)), [x]);
    const [second] = grad(sum(first!), [x]);
    return second!;
  };
  expect(await gradientAt(third, [2, -1])).toEqual([48, -24]);
});
