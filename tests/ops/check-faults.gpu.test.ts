// `check: 'cpu'` finds kernels that are wrong: faults are planted in their text on the way to the GPU.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  CheckError,
  compile,
  f32,
  grad,
  i32,
  matmul,
  nn,
  optim,
  Parameter,
  print,
  relu,
  scan,
  tanh,
  webgpu,
  add,
  type CompileOptions,
  type Finding,
  sum,
  type Tensor,
  type WebGpuDevice,
} from '../../src/index.ts';
import { batchFor, normals } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

const check = { check: 'cpu' } as const;

let device: WebGpuDevice;
beforeEach(async () => {
  device = await webgpu();
});
afterEach(() => device.destroy());

/** Replace text in all shaders that `device` compiles from now on. */
function plant(correct: string, wrong: string): void {
  const { gpu } = device;
  const createShaderModule = gpu.createShaderModule.bind(gpu);
  gpu.createShaderModule = (descriptor) =>
    createShaderModule({ ...descriptor, code: descriptor.code.replaceAll(correct, wrong) });
}
const wrongTanh = () => plant('select(tanh(clamp(', 'select(sinh(clamp('); // for |x| ≥ 0.2
const wrongPool = () => plant('let larger = here > best;', 'let larger = here < best;');
const lastTermLost = () => plant('k = whole; k < sizes.k; k++', 'k = whole; k + 1u < sizes.k; k++');

async function errorOf(step: Promise<unknown>): Promise<CheckError | null> {
  try {
    await step;
    return null;
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    return error;
  }
}
const findingOf = async (step: Promise<unknown>): Promise<Finding> => (await errorOf(step))!.finding;

/** A classifier's training step on inputs [8, 20]; also the parameters. */
async function classifier(options: CompileOptions) {
  const model = new nn.Sequential(new nn.Linear(20, 16), new nn.Tanh(), new nn.Linear(16, 10));
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-2 });
  const signature = { x: f32(8, 20), y: i32(8) };
  const step = await compile(
    device,
    signature,
    ({ x, y }) => {
      const loss = nn.crossEntropy(model.forward(x), y);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    options,
  );
  return { step, data: batchFor(signature), model };
}

test('the op, its kernel, the element, and both values', async () => {
  wrongTanh();
  const { step, data, model } = await classifier(check);
  const before = await Promise.all(model.parameters().map((p) => p.read(device)));
  const error = (await errorOf(step(data)))!;
  const { op, kernel, shape, index, got, expected, loopSteps } = error.finding;
  expect({ op, kernel, shape, loopSteps }).toEqual({
    op: 'tanh',
    kernel: 'matmul > add,tanh',
    shape: [8, 16],
    loopSteps: [],
  });
  expect(Math.asinh(got)).toBeCloseTo(Math.atanh(expected!), 4);
  expect(print(step)).toContain(kernel!);
  expect(error.message).toContain(
    `tanh: expected ${expected}, got ${got} at [${index.join(', ')}] of [8, 16] (the reference gives ${expected} ± `,
  );
  expect(error.message).toMatch(
    /from the same inputs; \d+ of 128 elements differ; kernel matmul > add,tanh\)$/,
  );
  // nothing has been updated, also if updates ran before the fault was found
  expect(await Promise.all(model.parameters().map((p) => p.read(device)))).toEqual(before);
});

test.each([{}, { ...check, checkTolerance: 1e9 }])('options %o let it pass', async (options) => {
  wrongTanh();
  const { step, data } = await classifier(options);
  expect(await errorOf(step(data))).toBeNull();
});

test('one lost term of a sum of 785', async () => {
  lastTermLost();
  const weight = new Parameter([785, 8], () => normals(785 * 8), { name: 'weight' });
  const step = await compile(
    device,
    { x: f32(4, 785) },
    ({ x }) => ({ outputs: { y: matmul(x, weight) } }),
    check,
  );
  const x = normals(4 * 785, 2);
  expect(await findingOf(step({ x }))).toMatchObject({ op: 'matmul', kernel: 'matmul', shape: [4, 8] });
  for (let row = 0; row < 4; row++) x[row * 785 + 784] = 0; // a term of 0 may be lost
  expect(await errorOf(step({ x }))).toBeNull();
});

test.each([
  ['as it lies there, channels last', (y: Tensor) => sum(y, { axes: 1 }), [2, 3, 4, 3]],
  ['as it is stored, channels first', (y: Tensor) => y, [2, 3, 3, 4]],
] as const)('an op on images, with its shape %s', async (_, use, shape) => {
  wrongPool();
  const model = new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.ReLU(), new nn.MaxPool2d(2));
  const step = await compile(
    device,
    { x: f32(2, 1, 8, 10) },
    ({ x }) => ({ outputs: { y: use(model.forward(x)) } }),
    check,
  );
  const finding = await findingOf(step({ x: normals(160) }));
  expect(finding).toMatchObject({ op: 'maxPool2d', shape });
  expect(finding.got).toBeLessThan(finding.expected!);
});

test.each([
  { reverse: false, slice: 3 },
  { reverse: true, slice: 4 },
])('the slice of a scan, reverse: $reverse', async ({ reverse, slice }) => {
  wrongTanh();
  const step = await compile(
    device,
    { x: f32(6, 2) },
    ({ x }) => ({
      outputs: scan(
        (h: Tensor, xt: Tensor) => {
          const next = tanh(xt);
          return [next, add(h, next)] as const;
        },
        new Parameter([2], () => [0, 0]),
        x,
        { reverse },
      ),
    }),
    check,
  );
  const x = new Float32Array(12).fill(0.1); // where the planted fault makes no difference
  expect(await errorOf(step({ x }))).toBeNull();
  x.fill(1, 6, 10); // slices 3 and 4
  expect(await findingOf(step({ x }))).toMatchObject({
    op: 'tanh',
    loopSteps: [slice],
    shape: [2],
    index: [0],
  });
});

test('a value that is overwritten before it is read shows at its reader', async () => {
  const { gpu } = device;
  const createBuffer = gpu.createBuffer.bind(gpu);
  const { MAP_READ, COPY_DST } = GPUBufferUsage;
  gpu.createBuffer = (it) =>
    createBuffer({ ...it, usage: it.usage & MAP_READ ? it.usage : it.usage | COPY_DST });
  const [a, b] = [0, 1].map((i) => new Parameter([5, 5], () => normals(25, i), { name: `w${i}` })) as [
    Parameter,
    Parameter,
  ];
  const step = await compile(
    device,
    { x: f32(5, 5) },
    ({ x }) => ({ outputs: { y: relu(matmul(tanh(matmul(x, a)), b)) } }),
    check,
  );
  const x = normals(25, 3);
  expect(await errorOf(step({ x }))).toBeNull();
  const read = device.read.bind(device);
  device.read = async (place, node) => {
    const values = await read(place, node);
    const zeros = new Float32Array(node.size);
    if (node.op.name === 'tanh') gpu.queue.writeBuffer(place.buffer, place.offset ?? 0, zeros);
    return values;
  };
  expect(await findingOf(step({ x }))).toMatchObject({ op: 'relu', kernel: 'matmul > relu', got: 0 });
});
