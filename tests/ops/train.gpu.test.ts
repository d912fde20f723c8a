import { expect, test } from 'vitest';
import {
  compile,
  conv2d,
  cpu,
  f32,
  grad,
  i32,
  mean,
  nn,
  optim,
  Parameter,
  print,
  square,
  tune,
  webgpu,
  type Device,
} from '../../src/index.ts';
import { normals } from '../programs.ts';

// Losses of about 2 after sums in another order.
const LOSS_DIGITS = 4;
// Adam divides by the root of v: where a gradient is near 0, its rounding error is scaled up to lr = 1e-2.
const WEIGHT_DIGITS = 3;

async function trainMlp(device: Device, steps: number) {
  const model = new nn.Sequential(new nn.Linear(20, 16), new nn.ReLU(), new nn.Linear(16, 5));
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-2 });
  const step = await compile(device, { x: f32(12, 20), y: i32(12) }, ({ x, y }) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const x = Float32Array.from({ length: 240 }, (_, i) => Math.sin(i * i));
  const y = Int32Array.from({ length: 12 }, (_, i) => i % 5);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push(await (await step({ x, y })).loss.item());
  return { losses, weight: await model.parameters()[0]!.read(device), plan: print(step) };
}

test('a classifier trains on WebGPU as on the reference', { timeout: 60_000 }, async () => {
  const device = await webgpu();
  const [gpu, reference] = [await trainMlp(device, 10), await trainMlp(cpu(), 10)];
  gpu.losses.forEach((loss, i) => expect(loss).toBeCloseTo(reference.losses[i]!, LOSS_DIGITS));
  gpu.weight.forEach((w, i) => expect(w).toBeCloseTo(reference.weight[i]!, WEIGHT_DIGITS));
  device.destroy();
});

async function trainCnn(device: Device, steps: number) {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 12, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(12 * 9, 5),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-2 });
  const step = await compile(device, { x: f32(4, 1, 12, 12), y: i32(4) }, ({ x, y }) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const x = Float32Array.from({ length: 4 * 144 }, (_, i) => Math.sin(i * i));
  const y = Int32Array.from({ length: 4 }, (_, i) => i % 5);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push(await (await step({ x, y })).loss.item());
  return { losses, weight: await model.parameters()[2]!.read(device), plan: print(step) };
}

test('a convolutional classifier trains on WebGPU as on the reference', { timeout: 60_000 }, async () => {
  const device = await webgpu();
  const [gpu, reference] = [await trainCnn(device, 10), await trainCnn(cpu(), 10)];
  gpu.losses.forEach((loss, i) => expect(loss).toBeCloseTo(reference.losses[i]!, LOSS_DIGITS));
  gpu.weight.forEach((w, i) => expect(w).toBeCloseTo(reference.weight[i]!, WEIGHT_DIGITS));
  device.destroy();
});

/** One image: the weight gradient is in one part, and its kernel updates the weight in place. */
async function convolutionStep(device: Device, channels: number) {
  const weight = new Parameter([channels, 16, 3, 3], () => normals(channels * 144, 3), { name: 'weight' });
  const optimizer = new optim.SGD([weight], { lr: 0.5, momentum: 0.9 });
  const step = await compile(device, { x: f32(1, 16, 6, 6) }, ({ x }) => {
    const loss = mean(square(conv2d(x, weight)));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const train = async () => {
    for (let i = 0; i < 3; i++) await step({ x: normals(16 * 36, 4) });
    return weight.read(device);
  };
  return { step, train };
}

test.each([24, 40, 48])(
  'lanes that a tile of %i channels leaves over update nothing, in any variant',
  { timeout: 60_000 },
  async (channels) => {
    const expected = await (await convolutionStep(cpu(), channels)).train();
    const measured = await webgpu();
    const table = await tune((await convolutionStep(measured, channels)).step, { cache: false });
    measured.destroy();
    for (const variant of ['8x8', '8x8 quad']) {
      const pinned = Object.entries(table).map(([key, name]) => [
        key,
        key.startsWith('conv') ? variant : name,
      ]);
      const device = await webgpu({ tuning: Object.fromEntries(pinned) });
      const got = await (await convolutionStep(device, channels)).train();
      got.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, LOSS_DIGITS));
      device.destroy();
    }
  },
);
