import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  add,
  compile,
  cpu,
  f32,
  fill,
  grad,
  matmul,
  mean,
  mul,
  nn,
  optim,
  Parameter,
  sin,
  square,
  sub,
  sum,
  tanh,
  transpose,
  type Device,
  type Tensor,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 60_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const scalar = (value: number, name: string) => new Parameter([], nn.init.constantInit(value), { name });
const ramp = (length: number) => Float32Array.from({ length }, (_, i) => i - length / 2);

test('all updates of a step see the values from before it, even when they swap', async () => {
  const [a, b, c] = [scalar(1, 'a'), scalar(10, 'b'), scalar(100, 'c')];
  const step = await compile(device, {}, () => ({
    outputs: { before: add(a, 0) },
    updates: [
      [a, b],
      [b, c],
      [c, add(a, 1)],
    ],
  }));
  const before = [];
  for (let i = 0; i < 4; i++) before.push(await (await step({})).before.item());
  expect(before).toEqual([1, 10, 100, 2]);
  expect([await a.read(device), await b.read(device), await c.read(device)].map((v) => v[0])).toEqual([
    11, 101, 3,
  ]);
});

test('a matrix updated by its own transpose and product is computed from its old values', async () => {
  const values = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const p = new Parameter([3, 3], nn.init.values(values), { name: 'p' });
  const q = new Parameter([3, 3], nn.init.values(values), { name: 'q' });
  const step = await compile(device, {}, () => ({
    outputs: {},
    updates: [
      [p, transpose(p)],
      [q, matmul(q, q)],
    ],
  }));
  await step({});
  expect([...(await p.read(device))]).toEqual([1, 4, 7, 2, 5, 8, 3, 6, 9]);
  expect([...(await q.read(device))]).toEqual([30, 36, 42, 66, 81, 96, 102, 126, 150]);
});

test('an output that is a parameter has the value from before the update', async () => {
  const p = new Parameter([5], nn.init.ones, { name: 'p' });
  const step = await compile(device, {}, () => ({
    outputs: { p, alsoP: p, next: mul(p, 3) },
    updates: [[p, mul(p, 3)]],
  }));
  await step({});
  const { p: old, alsoP, next } = await step({});
  expect([...(await old.data())]).toEqual([3, 3, 3, 3, 3]);
  expect([...(await alsoP.data())]).toEqual([3, 3, 3, 3, 3]);
  expect([...(await next.data())]).toEqual([9, 9, 9, 9, 9]);
});

test('an output may be an input, a constant, or one tensor under two names', async () => {
  const step = await compile(device, { x: f32(3) }, ({ x }) => {
    const y = mul(x, 2);
    return { outputs: { x, seven: fill(7, [2]), y, again: y } };
  });
  const { x, seven, y, again } = await step({ x: Float32Array.of(1, 2, 3) });
  expect([...(await x.data())]).toEqual([1, 2, 3]);
  expect([...(await seven.data())]).toEqual([7, 7]);
  expect([...(await y.data())]).toEqual([2, 4, 6]);
  expect([...(await again.data())]).toEqual([2, 4, 6]);
});

test('two compiled steps share parameters, also when one is convolutional and the other is not', async () => {
  const weight = new Parameter([2, 3, 2, 2], (shape, random) => nn.init.normalInit()(shape, random), {
    name: 'weight',
  });
  const convolve = await compile(device, { x: f32(1, 3, 4, 4) }, ({ x }) => {
    const conv = Object.assign(new nn.Conv2d(3, 2, 2, { bias: false }), { weight });
    const y = conv.forward(x);
    return { outputs: { y }, updates: [[weight, sub(weight, mul(grad(sum(y), [weight])[0]!, 0.1))]] };
  });
  const double = await compile(device, {}, () => ({
    outputs: { total: sum(weight) },
    updates: [[weight, mul(weight, 2)]],
  }));
  const x = ramp(48);
  const before = await weight.read(device);
  await double({});
  const { y } = await convolve({ x });
  // the first output by hand: the sum over the window at the corner
  let first = 0;
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 2; j++) first += 2 * before[c * 4 + i * 2 + j]! * x[c * 16 + i * 4 + j]!;
  expect((await y.data())[0]).toBeCloseTo(first, 3); // 12 products of order 50
  // dL/dw[o, c, i, j] is the sum of the 3 x 3 pixels that the tap sees
  const after = await weight.read(device);
  let seen = 0;
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) seen += x[16 + (i + 1) * 4 + j]!;
  expect(after[1 * 4 + 1 * 2]).toBeCloseTo(2 * before[1 * 4 + 1 * 2]! - 0.1 * seen, 4);
  const total = Array.from(after).reduce((a, b) => a + b, 0);
  expect(await (await double({})).total.item()).toBeCloseTo(total, 3); // summed in float32 here, in float64 there
});

test('values written to a convolution weight are read back and used in their declared order', async () => {
  const conv = new nn.Conv2d(3, 4, [2, 3]);
  conv.state();
  const step = await compile(device, { x: f32(1, 3, 2, 3) }, ({ x }) => ({
    outputs: { y: conv.forward(x) },
  }));
  const values = ramp(4 * 3 * 2 * 3);
  await conv.weight.write(device, values);
  await conv.bias!.write(device, new Float32Array(4));
  expect([...(await conv.weight.read(device))]).toEqual([...values]);
  const x = ramp(18);
  const expected = [0, 1, 2, 3].map((o) =>
    x.reduce((total, value, i) => total + value * values[o * 18 + i]!, 0),
  );
  expect([...(await (await step({ x })).y.data())]).toEqual(expected);
});

test('another leading size gives the same results, and the parameters are shared', async () => {
  const model = new nn.Sequential(new nn.Linear(3, 5), new nn.Tanh(), new nn.Linear(5, 2));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  let traces = 0;
  const step = await compile(device, { x: f32(4, 3) }, ({ x }) => {
    traces++;
    const loss = mean(square(model.forward(x)));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const losses: number[] = [];
  for (const rows of [4, 1, 7, 4, 1, 2, 3, 5, 4])
    losses.push(await (await step({ x: new Float32Array(rows * 3).fill(0.5) })).loss.item());
  // all rows are equal: the mean loss falls at every step, whatever the number of rows
  expect([...losses].sort((a, b) => b - a)).toEqual(losses);
  expect(traces).toBe(7); // 4, 1, 7, 2, 3, 5, and 4 again, which was the oldest of five
});

test('the rate of a schedule is sent with each step', async () => {
  const p = scalar(0, 'p');
  const optimizer = new optim.SGD([p], { lr: (step) => 1 / 2 ** step });
  let traces = 0;
  const step = await compile(device, {}, () => {
    traces++;
    return { outputs: {}, updates: optimizer.update([fill(1)]) };
  });
  for (let i = 0; i < 3; i++) await step({});
  expect((await p.read(device))[0]).toBe(-1.75);
  optimizer.lr = 10;
  await step({});
  expect((await p.read(device))[0]).toBe(-11.75);
  expect(traces).toBe(1);
});

test('dropout draws the same mask on every backend, another one at each step, and differentiates through it', async () => {
  const run = async (on: Device) => {
    const layer = new nn.Dropout(0.4);
    const step = await compile(on, { x: f32(50, 7) }, ({ x }) => {
      const y = layer.forward(x);
      return { outputs: { y, dx: grad(sum(y), [x])[0]! } };
    });
    const results = [];
    for (let i = 0; i < 3; i++) {
      const { y, dx } = await step({ x: new Float32Array(350).fill(1) });
      const values = [...(await y.data())];
      expect([...(await dx.data())]).toEqual(values);
      results.push(values.map((value) => (value === 0 ? 0 : 1)));
    }
    return results;
  };
  const results = await run(device);
  expect(results).toEqual(await run(cpu()));
  expect(results[0]).not.toEqual(results[1]);
});

test('binary cross-entropy of probabilities 0 and 1 is 100 where it is wrong, with finite gradients', async () => {
  const step = await compile(device, { x: f32(4), t: f32(4) }, ({ x, t }) => {
    const losses = nn.bce(x, t, { reduction: 'none' });
    return { outputs: { losses, dx: grad(sum(losses), [x])[0]! } };
  });
  const { losses, dx } = await step({ x: Float32Array.of(0, 0, 1, 1), t: Float32Array.of(0, 1, 0, 1) });
  expect(Array.from(await losses.data(), Math.abs)).toEqual([0, 100, 100, 0]);
  // right where it is right: d(-log(1 - x)) = 1 at 0; and 0 where the logarithm is clamped
  expect(Array.from(await dx.data(), (v) => v + 0)).toEqual([1, 0, 0, -1]);
});

const CHAIN = 20_000; // deeper than any JavaScript call stack

test('a chain of 20,000 ops compiles and differentiates without overflowing the stack', async () => {
  const step = await compile(device, { x: f32() }, ({ x }) => {
    let y: Tensor = x;
    for (let i = 0; i < CHAIN; i++) y = add(y, x);
    return { outputs: { y, dx: grad(y, [x])[0]! } };
  });
  const { y, dx } = await step({ x: Float32Array.of(0.5) });
  expect(await y.item()).toBe((CHAIN + 1) / 2);
  expect(await dx.item()).toBe(CHAIN + 1);
});

test('a long chain of different ops with gradients has the reference result', async () => {
  const run = async (on: Device) => {
    const w = new Parameter([8, 8], nn.init.normalInit(0.3), { name: 'w' });
    const step = await compile(on, { x: f32(4, 8) }, ({ x }) => {
      let h: Tensor = x;
      for (let i = 0; i < 40; i++) h = add(tanh(matmul(h, w)), sin(mul(h, 0.1)));
      const loss = sum(h);
      const [dw, dx] = grad(loss, [w, x]);
      return { outputs: { loss, dw: dw!, dx: dx! } };
    });
    const { loss, dw, dx } = await step({ x: ramp(32).map((v) => v / 16) });
    return [...(await loss.data()), ...(await dw.data()), ...(await dx.data())];
  };
  const [got, expected] = [await run(device), await run(cpu({ storage: 'f64' }))];
  // Of the largest value: WGSL allows sin an error of 2^-11, which 40 layers take a tenth of each
  const scale = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries()) expect(Math.abs(got[i]! - value) / scale).toBeLessThan(1e-3);
});
