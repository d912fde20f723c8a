// The samples of a batch are a set: in another order, a model gives its results in that order, and the same loss and
// gradients.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compile, f32, grad, i32, nn, type Device, type Tensor } from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { normals, wholeNumbers } from '../programs.ts';
import { forAll, permutations } from '../properties.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 60_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const SAMPLES = 6;
const CLASSES = 4;
const ORDERS = 6;
/** Of the largest element: gradients are sums in another order, of terms some ten times larger than the sum. */
const TOLERANCE = 1e-5;

interface Model {
  /** Sizes of one sample. */
  readonly sample: readonly number[];
  /** [samples, ...sample] → logits [samples, classes] */
  readonly model: () => nn.Module;
}

const MODELS: Readonly<Record<string, Model>> = {
  MLP: {
    sample: [7],
    model: () =>
      new nn.Sequential(
        new nn.Linear(7, 9),
        new nn.Tanh(),
        new nn.Residual(new nn.Sequential(new nn.Linear(9, 9), new nn.GELU(), new nn.Linear(9, 9))),
        new nn.Linear(9, CLASSES),
      ),
  },
  CNN: {
    sample: [2, 9, 8],
    model: () =>
      new nn.Sequential(
        new nn.Conv2d(2, 4, 3, { padding: 1 }),
        new nn.Softplus(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(4, 8, 3, { groups: 2 }),
        new nn.Tanh(),
        new nn.AvgPool2d(2, { stride: 1 }),
        new nn.Flatten(),
        new nn.Linear(8, CLASSES),
      ),
  },
  'CNN whose batch norm sees all samples': {
    sample: [2, 5, 4],
    model: () =>
      new nn.Sequential(
        new nn.Conv2d(2, 4, 3, { padding: 1, bias: false }),
        new nn.BatchNorm2d(4),
        new nn.Tanh(),
        new nn.GlobalAvgPool2d(),
        new nn.Flatten(),
        new nn.LayerNorm(4),
        new nn.Linear(4, CLASSES),
      ),
  },
  'bidirectional LSTM': {
    sample: [5, 3],
    model: () =>
      new nn.Sequential(
        new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true }),
        new nn.Flatten(),
        new nn.Linear(5 * 8, CLASSES),
      ),
  },
};

test.each(Object.entries(MODELS))('%s', async (_, { sample, model }) => {
  const net = model();
  const params = net.parameters();
  const signature = { x: f32(SAMPLES, ...sample), target: i32(SAMPLES) };
  const step = await compile(device, signature, ({ x, target }) => {
    const logits = net.forward(x);
    const losses = nn.crossEntropy(logits, target, { reduction: 'none' });
    const loss = nn.crossEntropy(logits, target);
    const [dx, ...gradients] = grad(loss, [x, ...params]);
    const outputs: Record<string, Tensor> = { logits, losses, loss, dx: dx! };
    gradients.forEach((gradient, i) => (outputs[`gradient of ${params[i]!.name}`] = gradient));
    return { outputs };
  });
  const size = sample.reduce((a, b) => a * b, 1);
  const x = normals(SAMPLES * size);
  const target = Int32Array.from(wholeNumbers(SAMPLES), (value) => Math.abs(value));

  /** The results for the samples in this order. */
  const results = async (order: readonly number[]) => {
    const found = new Map<string, number[]>();
    const values = await step({
      x: Float32Array.from(order.flatMap((i) => [...x.subarray(i * size, (i + 1) * size)])),
      target: Int32Array.from(order, (i) => target[i]!),
    });
    for (const [name, value] of Object.entries(values)) found.set(name, [...(await value.data())]);
    return found;
  };
  const expected = await results(Array.from({ length: SAMPLES }, (__, i) => i));
  await forAll(
    permutations(SAMPLES),
    async (order) => {
      for (const [name, values] of await results(order)) {
        const one = expected.get(name)!;
        const row = one.length / SAMPLES;
        const ofSamples = ['logits', 'losses', 'dx'].includes(name);
        const moved = ofSamples ? order.flatMap((i) => one.slice(i * row, (i + 1) * row)) : one;
        const scale = Math.max(...one.map(Math.abs));
        expect(scale).toBeGreaterThan(0);
        const worst = Math.max(...moved.map((value, i) => Math.abs(values[i]! - value)));
        expect(worst, name).toBeLessThanOrEqual(TOLERANCE * scale);
      }
    },
    ORDERS,
  );
});
