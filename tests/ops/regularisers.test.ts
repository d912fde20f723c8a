// What is on in training and off in evaluation, and when to stop: dropout between recurrent layers, noise on inputs and
// activations (that on weights is in with-updates.test.ts), early stopping.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { compile, f32, grad, mul, nn, optim, sum, type Device, type TypedArray } from '../../src/index.ts';
import { openDevice } from '../device.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

describe('dropout of nn.RNN', () => {
  const [b, t, width, p] = [8, 16, 32, 0.25];
  const count = b * t * width;

  /** Layers that hand on what they read, without looking back: relu(x), so that outputs show what was done between them. */
  async function copying(numLayers: number, training: boolean) {
    const rnn = new nn.RNN(width, width, { numLayers, nonlinearity: 'relu', bias: false, dropout: p });
    rnn.train(training);
    const step = await compile(
      device,
      { x: f32(b, t, width) },
      ({ x }) => {
        const { output, h } = rnn.unroll(x);
        return { outputs: { output, h, dx: grad(sum(output), [x])[0]! } };
      },
      { seed: 11 },
    );
    const identity = Float32Array.from({ length: width * width }, (_, i) => Number(i % (width + 1) === 0));
    const nothing = new Float32Array(width * width);
    const weights = [...rnn.state().keys()].map(
      (name) => [name, name.includes('ih') ? identity : nothing] as const,
    );
    await rnn.writeState(device, new Map(weights));
    return async () => {
      const values = await step({ x: new Float32Array(count).fill(1) });
      return {
        output: await values.output.data(),
        h: await values.h.data(),
        dx: await values.dx.data(),
      };
    };
  }
  const ones = (length: number) => new Float32Array(length).fill(1);
  /** Which numbers there are, to six digits. */
  const distinct = (values: TypedArray) => [...new Set(Array.from(values, (x) => x.toPrecision(6)))].sort();

  test.each([
    [2, 1],
    [3, 2],
  ])(
    'acts once between each two of %d layers, keeping a share 1 − p as x / (1 − p)',
    async (numLayers, times) => {
      const run = await copying(numLayers, true);
      const [first, second] = [await run(), await run()];
      const kept = (1 - p) ** times;
      expect(distinct(first.output)).toEqual(['0.00000', (1 / kept).toPrecision(6)]);
      for (const { output, dx } of [first, second]) {
        const share = output.filter((value) => value > 0).length / count;
        // five standard errors
        expect(Math.abs(share - kept)).toBeLessThan(5 * Math.sqrt((kept * (1 - kept)) / count));
        expect(dx).toEqual(output); // the same mask: each output is its input times what was done to it
      }
      expect(second.output).not.toEqual(first.output);
      // a mask of its own at each time step, not one for the whole sequence
      const atTime = (time: number) => first.output.slice(time * width, (time + 1) * width);
      expect(atTime(1)).not.toEqual(atTime(0));
      // neither what the first layer reads, nor its state
      expect(first.h.slice(0, b * width)).toEqual(ones(b * width));
    },
  );

  test('does nothing in evaluation', async () => {
    const { output, h } = await (await copying(3, false))();
    expect(output).toEqual(ones(count));
    expect(h).toEqual(ones(3 * b * width));
  });

  test('does nothing to a single layer', async () => {
    const { output } = await (await copying(1, true))();
    expect(output).toEqual(ones(count));
  });
});

test.each([
  ['LSTM', nn.LSTM],
  ['GRU', nn.GRU],
] as const)('nn.%s drops between its layers in training only', async (_, Layer) => {
  const data = { x: Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => Math.sin(i)) };
  const outputs = async (numLayers: number, training: boolean) => {
    const layer = new Layer(4, 5, { numLayers, bidirectional: true, dropout: 0.5 });
    layer.train(training);
    const step = await compile(device, { x: f32(2, 3, 4) }, ({ x }) => ({
      outputs: { y: layer.forward(x) },
    }));
    return [await (await step(data)).y.data(), await (await step(data)).y.data()] as const;
  };
  const [first, second] = await outputs(2, true);
  expect(second).not.toEqual(first);
  for (const [layers, training] of [
    [2, false],
    [1, true],
  ] as const) {
    const [same, again] = await outputs(layers, training);
    expect(again).toEqual(same);
    if (layers === 2) expect(same).not.toEqual(first);
  }
});

test('GaussianNoise adds noise of its deviation in training and nothing in evaluation', async () => {
  const [noise, count] = [new nn.GaussianNoise(0.5), 20_000];
  const run = async () => {
    const step = await compile(device, { x: f32(count) }, ({ x }) => ({ outputs: { y: noise.forward(x) } }));
    return (await step({ x: new Float32Array(count).fill(3) })).y.data();
  };
  const noisy = [...(await run())].map((y) => y - 3);
  const mean = noisy.reduce((a, b) => a + b, 0) / count;
  const variance = noisy.reduce((a, b) => a + (b - mean) ** 2, 0) / count;
  // four standard errors of a mean, 0.5 / √n, and of a variance, 0.25 √(2 / n)
  expect(Math.abs(mean)).toBeLessThan((4 * 0.5) / Math.sqrt(count));
  expect(Math.abs(variance - 0.25)).toBeLessThan(4 * 0.25 * Math.sqrt(2 / count));
  noise.eval();
  expect(new Set(await run())).toEqual(new Set([3]));
  expect(() => new nn.GaussianNoise(-1)).toThrow('GaussianNoise: expected std >= 0, got -1');
});

test('noise on inputs goes through the layers after it, that on activations through those after them', async () => {
  const count = 20_000;
  // y = 2 (3 + n) + m with n of variance 0.25 and m of variance 1
  const model = new nn.Sequential(new nn.GaussianNoise(0.5), new nn.Linear(1, 1), new nn.GaussianNoise(1));
  const outputs = async () => {
    const step = await compile(device, { x: f32(count, 1) }, ({ x }) => ({
      outputs: { y: model.forward(x) },
    }));
    await model.writeState(
      device,
      new Map(Object.entries({ '1.weight': Float32Array.of(2), '1.bias': Float32Array.of(0) })),
    );
    const x = new Float32Array(count).fill(3);
    const runs = [await (await step({ x })).y.data(), await (await step({ x })).y.data()] as const;
    step.release();
    return runs;
  };
  const [first, second] = await outputs();
  const ys = [...first];
  const mean = ys.reduce((a, y) => a + y, 0) / count;
  const variance = ys.reduce((a, y) => a + (y - mean) ** 2, 0) / count;
  expect(Math.abs(mean - 6)).toBeLessThan(4 * Math.sqrt(2 / count));
  expect(Math.abs(variance - 2)).toBeLessThan(4 * 2 * Math.sqrt(2 / count));
  expect(second).not.toEqual(first);
  model.eval();
  for (const y of await outputs()) expect(new Set(y)).toEqual(new Set([6]));
});

describe('EarlyStopping', () => {
  /** A model of one weight that the test sets before each report. */
  async function modelAt(scores: readonly number[], options: optim.EarlyStoppingOptions) {
    const model = new nn.Linear(1, 1, { bias: false });
    await compile(device, {}, () => ({ outputs: { y: sum(model.parameters()[0]!) } }));
    const stopping = new optim.EarlyStopping(model, device, options);
    let reports = 0;
    for (const score of scores) {
      await model.weight.write(device, Float32Array.of(reports++));
      if (await stopping.report(score)) break;
    }
    const restored = async () => {
      await stopping.restore();
      return (await model.weight.read(device))[0];
    };
    return { stopping, reports, restored };
  }

  test('stops after patience reports without improvement and restores the best weights', async () => {
    const { stopping, reports, restored } = await modelAt([5, 3, 4, 3.5, 2.9, 3, 3, 3, 1], { patience: 3 });
    expect(reports).toBe(8);
    expect([stopping.best, stopping.bestReport]).toEqual([2.9, 4]);
    expect(await restored()).toBe(4);
  });

  test('improvements up to minDelta do not count', async () => {
    const { reports, restored } = await modelAt([5, 4.75, 4.5, 4.25, 4], { patience: 2, minDelta: 0.5 });
    expect(reports).toBe(3);
    expect(await restored()).toBe(0);
  });

  test('a score may be one to maximise, and NaN is no improvement', async () => {
    const { stopping, restored } = await modelAt([0.5, Number.NaN, 0.9, Number.NaN], { mode: 'max' });
    expect(stopping.best).toBe(0.9);
    expect(await restored()).toBe(2);
  });

  test('of a training run goes back to the weights of its best validation loss', async () => {
    // The data to train on say y = 2 x, those to validate with y = x: on its way to 2 the weight is best at 1.
    const model = new nn.Linear(1, 1, { bias: false });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
    const train = await compile(device, { x: f32(4, 1) }, ({ x }) => {
      const loss = nn.mse(model.forward(x), mul(x, 2));
      return { outputs: {}, updates: optimizer.update(grad(loss, optimizer.params)) };
    });
    const validate = await compile(device, { x: f32(4, 1) }, ({ x }) => ({
      outputs: { loss: nn.mse(model.forward(x), x) },
    }));
    const x = Float32Array.of(1, -1, 0.5, 2);
    const validation = async () => (await validate({ x })).loss.item();
    await model.weight.write(device, Float32Array.of(0));
    const stopping = new optim.EarlyStopping(model, device, { patience: 3 });
    const weights: number[] = [];
    do {
      await train({ x });
      weights.push((await model.weight.read(device))[0]!);
      expect(weights.length).toBeLessThan(20);
    } while (!(await stopping.report(await validation())));
    expect(stopping.bestReport).toBe(weights.length - 4);
    const distances = weights.map((weight) => Math.abs(weight - 1));
    expect(distances.indexOf(Math.min(...distances))).toBe(stopping.bestReport);
    expect(weights.at(-1)).toBeGreaterThan(1.3);
    await stopping.restore();
    expect((await model.weight.read(device))[0]).toBe(weights[stopping.bestReport]);
    expect(await validation()).toBe(stopping.best);
  });

  test('wrong arguments are refused', async () => {
    const make = (options: optim.EarlyStoppingOptions) => () =>
      new optim.EarlyStopping(new nn.ReLU(), device, options);
    expect(make({ patience: 0 })).toThrow('EarlyStopping: expected an integer patience >= 1, got 0');
    expect(make({ minDelta: -1 })).toThrow('EarlyStopping: expected minDelta >= 0, got -1');
    await expect(make({})().restore()).rejects.toThrow(
      'EarlyStopping.restore: expected a score reported before, got none',
    );
  });
});
