// Small kernels run in the dispatch of others: results keep their bits, and tools see each kernel.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  compile,
  f32,
  grad,
  i32,
  nn,
  optim,
  print,
  profile,
  tune,
  webgpu,
  type CompileOptions,
  type WebGpuDevice,
} from '../../src/index.ts';
import { normals } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: WebGpuDevice;
beforeEach(async () => {
  device = await webgpu();
});
afterEach(() => device.destroy());

const [BATCH, CHANNELS, SIDE] = [4, 12, 8];
const batch = { x: normals(BATCH * CHANNELS * SIDE * SIDE, 5), y: Int32Array.of(0, 1, 2, 1) };

/** Sums for batch norms beside gradients of weights, time and again; tanh and random numbers are functions of libraries. */
async function compileNet(options: CompileOptions = {}) {
  const block = () => [
    new nn.Conv2d(CHANNELS, CHANNELS, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(CHANNELS),
    new nn.Tanh(),
    new nn.Dropout(0.1),
  ];
  const model = new nn.Sequential(
    ...[1, 2, 3, 4, 5].flatMap(block),
    new nn.Flatten(),
    new nn.Linear(CHANNELS * SIDE * SIDE, 3),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const signature = { x: f32(BATCH, CHANNELS, SIDE, SIDE), y: i32(BATCH) };
  const step = await compile(
    device,
    signature,
    ({ x, y }) => {
      const loss = nn.crossEntropy(model.forward(x), y);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    options,
  );
  return { model, step };
}

/** Bits of all parameters after a few steps. */
async function train({ model, step }: Awaited<ReturnType<typeof compileNet>>) {
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) losses.push(await (await step(batch)).loss.item());
  return { losses, state: await model.readState(device) };
}

/** The kernels that run beside others, of a printed plan. */
const besideOthers = (plan: string) => [...plan.matchAll(/^\d+ beside \d+: /gm)].length;

test('a step has the bits of one that runs kernel by kernel', async () => {
  const [shared, alone] = [await compileNet(), await compileNet({ debug: 'nan' })];
  const kernels = alone.step.stats!.dispatches;
  // three of a kind at least; more where a stage may bind more than ten buffers
  expect(besideOthers(print(shared.step))).toBeGreaterThanOrEqual(3);
  expect(shared.step.stats!.dispatches).toBe(kernels - besideOthers(print(shared.step)));
  const trained = await train(shared);
  expect(trained).toEqual(await train(alone));
  expect(trained.losses[2]).toBeLessThan(trained.losses[0]!);
});

test('a profile has a row for each dispatch, with the names of all its kernels', async () => {
  const { step } = await compileNet();
  const { rows } = await profile(step, batch, { repeats: 2 });
  expect(rows.length).toBe(step.stats!.dispatches);
  const names = rows.filter(({ kernel }) => kernel.includes(' | ')).map(({ kernel }) => kernel);
  expect(names.length).toBe(besideOthers(print(step)));
  expect(names).toContain('conv2dWeightGradParts | columns: sum,sub,mul,sum');
  expect(rows.reduce((sum, { flops }) => sum + flops, 0)).toBe(step.stats!.flops);
});

test('tune measures the kernels of a dispatch one by one', async () => {
  const { step } = await compileNet();
  const table = await tune(step, { cache: false, budgetMs: 60_000 });
  const ops = new Set(Object.keys(table).map((key) => key.split(' ')[0]));
  expect(ops).toContain('conv2dWeightGradParts');
  expect(await (await step(batch)).loss.item()).toBeGreaterThan(0);
});
