import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  add,
  compile,
  data,
  DTypeError,
  f32,
  grad,
  i32,
  linear,
  mean,
  mul,
  nn,
  optim,
  square,
  sub,
  sum,
  u32,
  type Device,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const dataset = new data.Dataset(
  {
    image: Float32Array.from({ length: 60 }, (_, i) => i / 2),
    label: Int32Array.from({ length: 10 }, (_, i) => -i),
    code: Uint32Array.from({ length: 20 }, (_, i) => 2 ** 32 - 1 - i),
  },
  { image: [1, 2, 3], code: [2] },
);

test('rows of a data set on the device are those on the host, in every dtype', async () => {
  const table = new data.DeviceDataset(dataset, { name: 'train' });
  const step = await compile(device, { index: u32(4) }, ({ index }) => {
    const { image, label, code } = table.rows(index);
    expect([image.shape, label.shape, code.shape]).toEqual([[4, 1, 2, 3], [4], [4, 2]]);
    expect([image.dtype, label.dtype, code.dtype]).toEqual(['f32', 'i32', 'u32']);
    // fused with what uses them, and as they are
    return { outputs: { image: add(image, 1), label, code } };
  });
  const options = { batch: 4, seed: 3, last: 'pad' } as const;
  const onHost = [...dataset.shuffledBatches(options)];
  const onDevice = [...table.shuffledBatches(options)];
  expect(onDevice).toHaveLength(3);
  for (const [i, { index, mask }] of onDevice.entries()) {
    const { image, label, code } = await step({ index });
    expect(await image.data()).toEqual(onHost[i]!.image.map((x) => x + 1));
    expect(await label.data()).toEqual(onHost[i]!.label);
    expect(await code.data()).toEqual(onHost[i]!.code);
    expect(mask).toEqual(onHost[i]!.mask);
  }
  expect([...table.batches({ batch: 10 })]).toEqual([
    { index: Uint32Array.from({ length: 10 }, (_, i) => i) },
  ]);
  step.release();
});

test('an index of any shape gives rows of that shape, and one outside reads zeros', async () => {
  const table = new data.DeviceDataset(dataset.select('image'));
  const step = await compile(device, { index: i32(2, 2) }, ({ index }) => ({ outputs: table.rows(index) }));
  const rows = await (await step({ index: Int32Array.of(9, 0, -1, 10) })).image.data();
  expect([...rows]).toEqual([
    ...dataset.columns.image.subarray(54),
    0,
    0.5,
    1,
    1.5,
    2,
    2.5,
    ...new Array(12).fill(0),
  ]);
  await expect(
    compile(device, { index: f32(2) }, ({ index }) => ({ outputs: table.rows(index) })),
  ).rejects.toThrow(DTypeError);
  step.release();
});

test('a model trains on row numbers alone', async () => {
  const { columns } = data.heteroscedastic({ rows: 256, seed: 1, mean: (x) => 3 * x - 1, sigma: () => 0.01 });
  const table = new data.DeviceDataset(new data.Dataset(columns, { x: [1], y: [1] }).select('x', 'y'));
  const model = new nn.Linear(1, 1);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
  const step = await compile(device, { index: u32(32), mask: f32(32) }, ({ index, mask }) => {
    const { x, y } = table.rows(index);
    const errors = square(sub(linear(x, model.weight, model.bias), y));
    const loss = mul(sum(mul(mean(errors, { axes: 1 }), mask)), 1 / 32);
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  for (let epoch = 0; epoch < 20; epoch++)
    for (const batch of table.shuffledBatches({ batch: 32, seed: 1, epoch, last: 'pad' })) await step(batch);
  expect((await model.weight.read(device))[0]).toBeCloseTo(3, 1);
  expect((await model.bias!.read(device))[0]).toBeCloseTo(-1, 1);
  step.release();
});

test('load reads a file beside the test: from the disk in Node, from the server and then the cache in a page', async () => {
  const url = new URL('../golden/metrics/fid_40_40_d3_same.safetensors', import.meta.url);
  const cache = 'chainrule test';
  for (let i = 0; i < 2; i++) {
    const { tensors } = data.decodeSafetensors(await data.load(url, { cache }));
    expect(tensors.get('in.a')!.shape).toEqual([40, 3]);
  }
  await expect(data.load(new URL('../golden/none', import.meta.url))).rejects.toThrow(data.LoadError);
  if (!('caches' in globalThis)) return;
  const kept = await (await caches.open(cache)).match(url);
  expect((await kept!.arrayBuffer()).byteLength).toBe((await data.load(url, { cache: false })).length);
  await caches.delete(cache);
});
