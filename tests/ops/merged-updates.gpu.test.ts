// With clipping, gradients are in memory before the first update: then one dispatch updates all parameters of a group.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  compile,
  cpu,
  type Device,
  f32,
  grad,
  i32,
  nn,
  optim,
  type Parameter,
  print,
  type TypedArray,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';

// pipelines of eight kinds of kernels on a software adapter that shares its two cores
vi.setConfig({ testTimeout: 60_000 });

let device: Device;
beforeEach(async () => {
  device = await openDevice('webgpu');
});
afterEach(() => device.destroy());

const BATCH = 6;
const STEPS = 4;
/** Four steps of float32 on one side and of float32 with float64 arithmetic on the other; parameters of order 1. */
const ROUNDING = 2e-5;

const images = Float32Array.from({ length: BATCH * 64 }, (_, i) => Math.sin(0.7 * i));
const labels = Int32Array.from({ length: BATCH }, (_, i) => i % 3);

/** A convolution, whose weight is stored in another order, a bias of one element, and sizes that need padding. */
const makeModel = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 5, 3),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(5 * 36, 7),
    new nn.Tanh(),
    new nn.Linear(7, 1),
    new nn.Linear(1, 3),
  );

type MakeOptimizer = (params: Parameter[]) => InstanceType<typeof optim.Optimizer<optim.OptimizerOptions>>;

/** Parameters and moments after a few clipped steps, and the plan. */
async function train(on: Device, makeOptimizer: MakeOptimizer, choose = (params: Parameter[]) => params) {
  const model = makeModel();
  const params = choose(model.parameters());
  const optimizer = makeOptimizer(params);
  const step = await compile(on, { x: f32(BATCH, 1, 8, 8), y: i32(BATCH) }, ({ x, y }) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    const { grads } = optim.clipGradNorm(grad(loss, params), 0.05);
    return { outputs: { loss }, updates: optimizer.update(grads) };
  });
  for (let i = 0; i < STEPS; i++) await (await step({ x: images, y: labels })).loss.item();
  const values = new Map<string, TypedArray>(await model.readState(on));
  for (const [name, parameter] of optimizer.state()) values.set(name, await parameter.read(on));
  return { values, plan: print(step), model };
}

function expectAlike(got: ReadonlyMap<string, TypedArray>, expected: ReadonlyMap<string, TypedArray>): void {
  expect([...got.keys()]).toEqual([...expected.keys()]);
  const far = [...expected].flatMap(([name, values]) => {
    const worst = Math.max(...values.map((value, i) => Math.abs(value - got.get(name)![i]!)));
    return worst <= ROUNDING ? [] : [`${name} is off by ${worst}`];
  });
  expect(far).toEqual([]);
}

/** Dispatches before and after merging, of a printed plan. */
function dispatchesOf(plan: string): [planned: number, run: number] {
  const planned = Number(/(\d+) dispatches/.exec(plan)![1]);
  return [planned, Number(/(\d+) after merging updates/.exec(plan)?.[1] ?? planned)];
}

const OPTIMIZERS: Readonly<Record<string, MakeOptimizer>> = {
  SGD: (params) => new optim.SGD(params, { lr: 0.1 }),
  'SGD with momentum': (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (params) => new optim.Adam(params, { lr: 0.01, weightDecay: 0.01 }),
  AdamW: (params) => new optim.AdamW(params, { lr: 0.01 }),
  RMSprop: (params) => new optim.RMSprop(params, { lr: 0.01 }),
  Adagrad: (params) => new optim.Adagrad(params, { lr: 0.01 }),
  Lion: (params) => new optim.Lion(params, { lr: 0.01 }),
};

describe('clipped updates of all parameters run as one dispatch', () => {
  test.each(Object.entries(OPTIMIZERS))('%s', async (_, makeOptimizer) => {
    const [got, expected] = [await train(device, makeOptimizer), await train(cpu(), makeOptimizer)];
    expectAlike(got.values, expected.values);
    // Eight parameters; the bias of one element is updated by itself.
    const [planned, run] = dispatchesOf(got.plan);
    expect(planned - run).toBe(8 - 1 - 1);
  });

  test('of each group of options', async () => {
    const makeOptimizer: MakeOptimizer = (params) =>
      new optim.AdamW(
        [
          { params: params.filter((p) => p.shape.length > 1) },
          { params: params.filter((p) => p.shape.length === 1), options: { weightDecay: 0 } },
        ],
        { lr: 0.01 },
      );
    const inGroups = (params: Parameter[]) => [
      ...params.filter((p) => p.shape.length > 1),
      ...params.filter((p) => p.shape.length === 1),
    ];
    const [got, expected] = [
      await train(device, makeOptimizer, inGroups),
      await train(cpu(), makeOptimizer, inGroups),
    ];
    expectAlike(got.values, expected.values);
    // Four weights become one dispatch, and three biases another.
    const [planned, run] = dispatchesOf(got.plan);
    expect(planned - run).toBe(4 - 1 + (3 - 1));
  });
});

test('some parameters frozen: the others are merged, and these stay as they are', async () => {
  const choose = (params: Parameter[]) => params.filter((_, i) => i !== 2);
  const adam = OPTIMIZERS['Adam']!;
  const [got, expected] = [await train(device, adam, choose), await train(cpu(), adam, choose)];
  expectAlike(got.values, expected.values);
  const [planned, run] = dispatchesOf(got.plan);
  expect(planned - run).toBe(7 - 1 - 1);
});

test('parameters that another step has placed before are updated all the same', async () => {
  const run = async (on: Device) => {
    const model = makeModel();
    const params = model.parameters();
    const some = await compile(on, {}, () => ({ outputs: { w: params[3]!, v: params[0]! } }));
    await (await some({})).w.data();
    const optimizer = new optim.Adam(params, { lr: 0.01 });
    const step = await compile(on, { x: f32(BATCH, 1, 8, 8), y: i32(BATCH) }, ({ x, y }) => {
      const loss = nn.crossEntropy(model.forward(x), y);
      return {
        outputs: { loss },
        updates: optimizer.update(optim.clipGradNorm(grad(loss, params), 0.05).grads),
      };
    });
    for (let i = 0; i < STEPS; i++) await (await step({ x: images, y: labels })).loss.item();
    return model.readState(on);
  };
  expectAlike(await run(device), await run(cpu()));
});

test('a write to one parameter leaves its neighbours alone', async () => {
  const { model } = await train(device, OPTIMIZERS['Adam']!);
  const before = await model.readState(device);
  const [name, parameter] = [...model.state()][3]!;
  await parameter.write(device, new Float32Array(parameter.size).fill(7));
  for (const [path, values] of await model.readState(device))
    expect(values).toEqual(path === name ? new Float32Array(parameter.size).fill(7) : before.get(path));
});
