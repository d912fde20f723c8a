import { describe, expect, test } from 'vitest';
import {
  compile,
  cpu,
  f32,
  fill,
  grad,
  groupNorm,
  layerNorm,
  mul,
  nn,
  sum,
  type Tensor,
} from '../../src/index.ts';
import { normal } from '../inputs.ts';

const device = () => cpu({ storage: 'f64' });

describe('BatchNorm', () => {
  /** Mean and variance of each of three channels of x [4, 3, 2], with `n - correction` in the denominator. */
  function statistics(x: ArrayLike<number>, correction: number) {
    return [0, 1, 2].map((c) => {
      const values = Array.from(x).filter((_, i) => Math.floor(i / 2) % 3 === c);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
      return { mean, variance: squares / (values.length - correction) };
    });
  }

  test('training normalises with the biased variance and moves the running statistics with the unbiased one', async () => {
    const on = device();
    const norm = new nn.BatchNorm1d(3, { momentum: 0.25, eps: 0.01 });
    const step = await compile(on, { x: f32(4, 3, 2) }, ({ x }) => ({ outputs: { y: norm.forward(x) } }));
    const expected = { mean: [0, 0, 0], variance: [1, 1, 1] };
    for (const seed of [1, 2, 3]) {
      const x = normal([4, 3, 2], seed).data() as Float32Array;
      const y = await (await step({ x })).y.data();
      statistics(x, 0).forEach(({ mean, variance }, c) => {
        for (let i = 0; i < x.length; i++)
          if (Math.floor(i / 2) % 3 === c)
            expect(y[i]).toBeCloseTo((x[i]! - mean) / Math.sqrt(variance + 0.01), 6);
      });
      statistics(x, 1).forEach(({ mean, variance }, c) => {
        expected.mean[c] = 0.75 * expected.mean[c]! + 0.25 * mean;
        expected.variance[c] = 0.75 * expected.variance[c]! + 0.25 * variance;
      });
      const state = await norm.readState(on);
      expected.mean.forEach((mean, c) => expect(state.get('running_mean')![c]).toBeCloseTo(mean, 6));
      expected.variance.forEach((v, c) => expect(state.get('running_var')![c]).toBeCloseTo(v, 6));
    }
  });

  test('evaluation uses the running statistics and leaves them, also for one value per channel', async () => {
    const on = device();
    const norm = new nn.BatchNorm1d(2, { eps: 0.5 }).eval();
    const step = await compile(on, { x: f32(1, 2) }, ({ x }) => ({ outputs: { y: norm.forward(x) } }));
    const state = new Map([
      ['weight', Float32Array.of(2, 1)],
      ['bias', Float32Array.of(0, -1)],
      ['running_mean', Float32Array.of(1, -3)],
      ['running_var', Float32Array.of(3.5, 0.5)],
    ]);
    await norm.writeState(on, state);
    expect(Array.from(await (await step({ x: Float32Array.of(5, -2) })).y.data())).toEqual([4, 0]);
    expect(await norm.readState(on)).toEqual(state);
  });

  test('two calls in one step move the running statistics one after the other', async () => {
    const on = device();
    const norm = new nn.BatchNorm1d(1, { momentum: 0.5 });
    const step = await compile(on, { a: f32(2, 1), b: f32(2, 1) }, ({ a, b }) => ({
      outputs: { y: norm.forward(a), z: norm.forward(b) },
    }));
    await step({ a: Float32Array.of(3, 5), b: Float32Array.of(0, 2) });
    const state = await norm.readState(on);
    expect(state.get('running_mean')![0]).toBe((4 / 2 + 1) / 2);
    expect(state.get('running_var')![0]).toBe(((1 + 2) / 2 + 2) / 2);
  });

  test('its state has the names of PyTorch, and only weight and bias are trained', () => {
    const model = new nn.Sequential(new nn.BatchNorm2d(3), new nn.BatchNorm2d(3, { affine: false }));
    expect([...model.state().keys()]).toEqual([
      '0.weight',
      '0.bias',
      '0.running_mean',
      '0.running_var',
      '1.running_mean',
      '1.running_var',
    ]);
    expect(model.parameters().map(({ name }) => name)).toEqual(['0.weight', '0.bias']);
    expect([...new nn.BatchNorm2d(3, { trackRunningStats: false }).state().keys()]).toEqual([
      'weight',
      'bias',
    ]);
  });

  test('without running statistics evaluation uses those of the batch', async () => {
    const norm = new nn.BatchNorm1d(1, { trackRunningStats: false, eps: 1e-12 }).eval();
    const step = await compile(device(), { x: f32(2, 1) }, ({ x }) => ({ outputs: { y: norm.forward(x) } }));
    const y = await (await step({ x: Float32Array.of(7, 9) })).y.data();
    expect(y[0]).toBeCloseTo(-1, 6);
    expect(y[1]).toBeCloseTo(1, 6);
  });

  test('a batch of equal rows gives the bias, finite gradients and a variance of 0', async () => {
    const on = cpu();
    const norm = new nn.BatchNorm1d(2, { momentum: 1 });
    const step = await compile(on, { x: f32(5, 2), w: f32(5, 2) }, ({ x, w }) => {
      const y = norm.forward(x);
      const [dx] = grad(sum(mul(y, w)), [x]);
      return { outputs: { y, dx: dx! } };
    });
    const x = Float32Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 333333.3 : -0.1));
    const { y, dx } = await step({ x, w: normal([5, 2]).data() as Float32Array });
    expect(Array.from(await y.data())).toEqual(Array.from({ length: 10 }, () => 0));
    expect((await dx.data()).every(Number.isFinite)).toBe(true);
    const state = await norm.readState(on);
    expect(state.get('running_mean')).toEqual(Float32Array.of(333333.3, -0.1));
    expect(state.get('running_var')).toEqual(Float32Array.of(0, 0));
  });

  test.each<[() => unknown, string]>([
    [
      () => new nn.BatchNorm2d(3).forward(fill(0, [1, 3, 1, 1])),
      'batchNorm: expected more than one value per channel in training, got [1, 3, 1, 1]. The variance of one value is 0.',
    ],
    [
      () => new nn.BatchNorm2d(3).forward(fill(0, [2, 4, 5, 5])),
      'BatchNorm2d: expected x [n, 3, h, w], got [2, 4, 5, 5]',
    ],
    [
      () => new nn.BatchNorm1d(3).forward(fill(0, [2, 3, 5, 5])),
      'BatchNorm1d: expected x [n, 3] or [n, 3, l], got [2, 3, 5, 5]',
    ],
    [
      () => new nn.BatchNorm1d(3).forward(fill(0, [2, 3])),
      'BatchNorm1d: expected to be called while compile() traces a function, got a call outside of it',
    ],
    [() => new nn.BatchNorm1d(3, { momentum: 2 }), 'BatchNorm1d: expected momentum in [0, 1], got 2'],
    [() => new nn.GroupNorm(2, 3), 'GroupNorm: expected channels that groups divides, got [2,3]'],
    [
      () => new nn.LayerNorm([2, 3]).forward(fill(0, [3, 2])),
      'layerNorm: expected x [..., 2, 3], got [3, 2]',
    ],
    [
      () => new nn.ConvTranspose2d(3, 4, 2, { groups: 2 }),
      'ConvTranspose2d: expected channels that groups divides, got [3,4,2]',
    ],
    [() => new nn.Conv1d(3, 4, 0), 'Parameter: expected a shape of positive integers, got [4,3,0]'],
  ])('what does not fit throws %#', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('layerNorm and groupNorm equal their formulas, written as loops', () => {
  const EPS = 1e-3;
  const x = normal([2, 6, 2, 3]).data();
  const [weight, bias] = [normal([6], 2).data(), normal([6], 3).data()];

  /** Each run of `size` neighbouring elements, normalised; element i then times `scale(i)` plus `shift(i)`. */
  function normalizedRuns(
    size: number,
    scale: (i: number) => number,
    shift: (i: number) => number,
  ): number[] {
    const y: number[] = [];
    for (let start = 0; start < x.length; start += size) {
      let mean = 0;
      for (let i = start; i < start + size; i++) mean += x[i]! / size;
      let variance = 0;
      for (let i = start; i < start + size; i++) variance += (x[i]! - mean) ** 2 / size;
      for (let i = start; i < start + size; i++)
        y.push(((x[i]! - mean) / Math.sqrt(variance + EPS)) * scale(i) + shift(i));
    }
    return y;
  }

  async function run(f: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor) {
    const signature = { x: f32(2, 6, 2, 3), weight: f32(6), bias: f32(6) };
    const step = await compile(device(), signature, ({ x, weight, bias }) => ({
      outputs: { y: f(x, weight, bias) },
    }));
    const { y } = await step({ x, weight, bias } as Record<'x' | 'weight' | 'bias', Float32Array>);
    return Array.from(await y.data());
  }

  const channel = (i: number) => Math.floor(i / 6) % 6;

  test.each([1, 2, 3, 6])('groupNorm with %i groups', async (groups) => {
    const got = await run((x, w, b) => groupNorm(x, groups, w, b, { eps: EPS }));
    const expected = normalizedRuns(
      36 / groups,
      (i) => weight[channel(i)]!,
      (i) => bias[channel(i)]!,
    );
    got.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  });

  test('layerNorm over two axes', async () => {
    const got = await run((x) => layerNorm(x, [2, 3], null, null, { eps: EPS }));
    normalizedRuns(
      6,
      () => 1,
      () => 0,
    ).forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5));
  });

  test('modules start with weights of 1 and biases of 0', async () => {
    const modules = [new nn.GroupNorm(2, 6, { eps: EPS }), new nn.LayerNorm([6, 2, 3], { eps: EPS })];
    const sizes = [18, 36];
    for (const [i, module] of modules.entries()) {
      const got = await run((x) => module.forward(x));
      normalizedRuns(
        sizes[i]!,
        () => 1,
        () => 0,
      ).forEach((value, at) => expect(got[at]).toBeCloseTo(value, 5));
    }
    expect(new nn.LayerNorm(6, { bias: false }).parameters()).toHaveLength(1);
    expect(new nn.LayerNorm(6, { elementwiseAffine: false }).parameters()).toHaveLength(0);
    expect(new nn.GroupNorm(2, 6, { affine: false }).parameters()).toHaveLength(0);
  });
});

test('convolution modules have PyTorch weights, output sizes and initial ranges', () => {
  const shapes = (module: nn.Module, input: readonly number[]) => ({
    weight: module.state().get('weight')!.shape,
    output: module.forward(fill(0, input)).shape,
  });
  expect(shapes(new nn.Conv1d(4, 6, 3, { groups: 2, stride: 2 }), [1, 4, 9])).toEqual({
    weight: [6, 2, 3],
    output: [1, 6, 4],
  });
  expect(
    shapes(new nn.ConvTranspose1d(4, 6, 3, { groups: 2, stride: 2, outputPadding: 1 }), [1, 4, 4]),
  ).toEqual({
    weight: [4, 3, 3],
    output: [1, 6, 10],
  });
  expect(shapes(new nn.ConvTranspose2d(4, 6, [3, 2], { stride: [1, 2], bias: false }), [1, 4, 4, 4])).toEqual(
    {
      weight: [4, 6, 3, 2],
      output: [1, 6, 6, 8],
    },
  );
  // PyTorch takes the second axis for the fan in, also of a transposed convolution.
  const values = new nn.ConvTranspose2d(2, 9, 2).weight.initialValues(0);
  const bound = 1 / Math.sqrt(9 * 4);
  expect(values.every((v) => Math.abs(v) <= bound)).toBe(true);
  expect(Math.max(...values)).toBeGreaterThan(0.8 * bound);
  const modules: [nn.Module, number[], number[]][] = [
    [new nn.MaxPool1d(2), [1, 3, 7], [1, 3, 3]],
    [new nn.AvgPool1d(3, { stride: 2, padding: 1 }), [1, 3, 7], [1, 3, 4]],
    [new nn.Upsample({ scale: [2, 3], mode: 'bilinear' }), [1, 3, 2, 2], [1, 3, 4, 6]],
  ];
  for (const [module, input, output] of modules) expect(module.forward(fill(0, input)).shape).toEqual(output);
});
