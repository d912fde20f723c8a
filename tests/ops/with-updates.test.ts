// Parts of a step that see parameters as they will be after it.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  add,
  compile,
  f32,
  fill,
  grad,
  HostRandom,
  mean,
  mul,
  nn,
  optim,
  Parameter,
  print,
  square,
  sub,
  sum,
  withUpdates,
  type Device,
  type Tensor,
  type Update,
} from '../../src/index.ts';
import { currentTrace } from '../../src/graph/index.ts';
import { openDevice } from '../device.ts';

vi.setConfig({ testTimeout: 120_000 }); // a software adapter compiles shaders for seconds

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const scalar = (value: number, name: string) => new Parameter([], nn.init.constantInit(value), { name });
const normals = (length: number, stream: string) => {
  const random = new HostRandom(3, stream);
  return Float32Array.from({ length }, () => random.normal());
};

const BATCH = 16;
const LATENT = 4;

/** A generator and a discriminator with their optimizers, always from the same start. */
function gan() {
  const named = <M extends nn.Module>(model: M, name: string): M => {
    for (const [path, p] of model.state()) p.name = `${name}.${path}`;
    return model;
  };
  const mlp = (from: number, to: number) =>
    new nn.Sequential(new nn.Linear(from, 32), new nn.LeakyReLU(0.1), new nn.Linear(32, to));
  const [G, D] = [named(mlp(LATENT, 2), 'G'), named(mlp(2, 1), 'D')];
  const dOptimizer = new optim.Adam(D.parameters(), { lr: 0.01, betas: [0.5, 0.999] });
  const gOptimizer = new optim.Adam(G.parameters(), { lr: 0.01, betas: [0.5, 0.999] });
  const against = (logits: Tensor, label: number) => nn.bceWithLogits(logits, fill(label, logits.shape));
  const trainD = (x: Tensor, z: Tensor) => {
    const loss = add(against(D.forward(x), 1), against(D.forward(G.forward(z)), 0));
    return { loss, updates: dOptimizer.update(grad(loss, dOptimizer.params)) };
  };
  const trainG = (z: Tensor) => {
    const loss = against(D.forward(G.forward(z)), 1);
    return { loss, updates: gOptimizer.update(grad(loss, gOptimizer.params)) };
  };
  const state = async () =>
    Promise.all([...dOptimizer.params, ...gOptimizer.params].map((p) => p.read(device)));
  return { trainD, trainG, state };
}

const signature = { x: f32(BATCH, 2), zD: f32(BATCH, LATENT), zG: f32(BATCH, LATENT) };
const dataOf = (step: number) => ({
  x: normals(BATCH * 2, `x${step}`),
  zD: normals(BATCH * LATENT, `zD${step}`),
  zG: normals(BATCH * LATENT, `zG${step}`),
});

describe('a GAN in one step', () => {
  const oneStep = async () => {
    const { trainD, trainG, state } = gan();
    const step = await compile(device, signature, ({ x, zD, zG }) => {
      const d = trainD(x, zD);
      const g = withUpdates(d.updates, () => trainG(zG));
      return { outputs: { d: d.loss, g: g.loss }, updates: [...d.updates, ...g.updates] };
    });
    return { step, state };
  };

  test('equals two compiled steps, of which the second sees the updated discriminator', async () => {
    const { step, state } = await oneStep();
    const apart = gan();
    const dStep = await compile(device, { x: signature.x, zD: signature.zD }, ({ x, zD }) => {
      const { loss, updates } = apart.trainD(x, zD);
      return { outputs: { d: loss }, updates };
    });
    const gStep = await compile(device, { zG: signature.zG }, ({ zG }) => {
      const { loss, updates } = apart.trainG(zG);
      return { outputs: { g: loss }, updates };
    });
    for (let t = 0; t < 5; t++) {
      const { x, zD, zG } = dataOf(t);
      const together = await step({ x, zD, zG });
      const [{ d }, { g }] = [await dStep({ x, zD }), await gStep({ zG })];
      expect([await together.d.item(), await together.g.item()]).toEqual([
        expect.closeTo(await d.item(), 5),
        expect.closeTo(await g.item(), 5),
      ]);
    }
    const [got, expected] = [await state(), await apart.state()];
    if (__BACKEND__ === 'cpu') expect(got).toEqual(expected);
    // kernels of the one step may sum in another order than those of the two
    else got.forEach((values, i) => values.forEach((v, j) => expect(v).toBeCloseTo(expected[i]![j]!, 5)));
  });

  test.runIf(__BACKEND__ === 'webgpu')('updates in place and copies nothing', async () => {
    const plan = print((await oneStep()).step);
    const apart = gan();
    const alone = await Promise.all([
      compile(device, { x: signature.x, zD: signature.zD }, ({ x, zD }) => {
        const { loss, updates } = apart.trainD(x, zD);
        return { outputs: { loss }, updates };
      }),
      compile(device, { zG: signature.zG }, ({ zG }) => {
        const { loss, updates } = apart.trainG(zG);
        return { outputs: { loss }, updates };
      }),
    ]);
    const dispatches = (text: string) => Number(/(\d+) dispatches/.exec(text)![1]);
    expect(plan).not.toMatch(/assign|copy/);
    for (const name of ['D.0.weight', 'D.2.bias', 'G.0.weight', 'G.2.bias'])
      expect(plan.match(new RegExp(`->.* ${name}\\[`, 'g')), name).toHaveLength(1);
    // Apart, Adam's numbers share a kernel with the loss. In the one step D's have to be there before G's loss, and the sums
    // of both losses with all that goes with them may need more bindings than there are: two dispatches more.
    const most = 2 + alone.reduce((n, step) => n + dispatches(print(step)), 0);
    expect(dispatches(plan)).toBeLessThanOrEqual(most);
  });
});

test('a step inside a step inside a step equals three steps', async () => {
  const start = normals(6, 'start');
  const run = async (inOneStep: number) => {
    const p = new Parameter([6], nn.init.values(start), { name: 'p' });
    const optimizer = new optim.Adam([p], { lr: 0.1 });
    const descend = () => optimizer.update(grad(sum(square(sub(square(p), 1))), [p]));
    const step = await compile(device, {}, () => {
      let updates: Update[] = descend();
      for (let i = 1; i < inOneStep; i++) updates = withUpdates(updates, descend);
      return { outputs: {}, updates };
    });
    for (let t = 0; t < 6; t += inOneStep) await step({});
    return p.read(device);
  };
  const expected = await run(1);
  const got = await run(3);
  got.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  expect(got).not.toEqual(start);
});

test('inside, parameters have their new values; before it and outside, the old ones', async () => {
  const [p, q] = [scalar(2, 'p'), scalar(10, 'q')];
  const step = await compile(device, {}, () => {
    const before = mul(p, 3);
    const inside = withUpdates([[p, add(p, q)]], () => ({
      product: mul(p, q),
      list: [add(before, p), { before }],
      none: null,
    }));
    const [sumOfBoth, { before: same }] = inside.list as [Tensor, { before: Tensor }];
    expect(same).toBe(before);
    return {
      outputs: { before, product: inside.product, sumOfBoth, after: mul(p, 5) },
      updates: [[p, add(p, q)]],
    };
  });
  const read = async () =>
    Object.fromEntries(
      await Promise.all(Object.entries(await step({})).map(async ([name, v]) => [name, await v.item()])),
    ) as Record<string, number>;
  expect(await read()).toEqual({ before: 6, product: 120, sumOfBoth: 18, after: 10 });
  expect(await read()).toEqual({ before: 36, product: 220, sumOfBoth: 58, after: 60 });
});

test('parameters may swap their values', async () => {
  const [p, q] = [scalar(2, 'p'), scalar(10, 'q')];
  const swap: Update[] = [
    [p, q],
    [q, p],
  ];
  const step = await compile(device, {}, () => ({
    outputs: withUpdates(swap, () => ({ difference: sub(p, q) })),
    updates: swap,
  }));
  expect(await (await step({})).difference.item()).toBe(8);
  expect(await (await step({})).difference.item()).toBe(-8);
});

test('grad inside is that at the new value, and outside it goes on through the update', async () => {
  const p = scalar(3, 'p');
  const step = await compile(device, {}, () => {
    const cube = () => mul(square(p), p);
    const { inside, y } = withUpdates([[p, mul(p, 2)]], () => ({ inside: grad(cube(), [p])[0]!, y: cube() }));
    return { outputs: { inside, outside: grad(y, [p])[0]! } };
  });
  const { inside, outside } = await step({});
  expect(await inside.item()).toBe(3 * 6 ** 2);
  expect(await outside.item()).toBe(2 * 3 * 6 ** 2);
});

test('updates that modules collect inside see the new values too', async () => {
  const [p, average] = [scalar(2, 'p'), scalar(0, 'average')];
  const step = await compile(device, {}, () => {
    const updates: Update[] = [[p, add(p, 1)]];
    withUpdates(updates, () => currentTrace('test').updates.push([average, mul(p, 10)]));
    return { outputs: {}, updates };
  });
  await step({});
  expect([(await p.read(device))[0], (await average.read(device))[0]]).toEqual([3, 30]);
});

test('withWeightNoise evaluates with noise of its deviation and leaves the weights alone', async () => {
  const count = 4096;
  const p = new Parameter([count], nn.init.constantInit(1), { name: 'p' });
  const step = await compile(device, {}, () => {
    const { y, loss } = nn.withWeightNoise([p], 0.5, () => ({ y: mul(p, 2), loss: mean(square(p)) }));
    return { outputs: { y, loss, clean: sum(p), dp: grad(loss, [p])[0]! } };
  });
  const { y, clean, dp } = await step({});
  const noise = [...(await y.data())].map((value) => value / 2 - 1);
  const variance = noise.reduce((total, e) => total + e * e, 0) / count;
  expect(Math.abs(variance - 0.25)).toBeLessThan(4 * 0.25 * Math.sqrt(2 / count)); // four standard errors
  expect(await clean.item()).toBe(count);
  // the gradient of the mean of w² is taken at the noisy weights: 2 w / n
  [...(await dp.data())].forEach((d, i) => expect((d * count) / 2 - 1).toBeCloseTo(noise[i]!, 4));
  expect(() => nn.withWeightNoise([p], -1, () => p)).toThrow('withWeightNoise: expected std >= 0, got -1');
});

test('wrong arguments are refused', async () => {
  const p = scalar(0, 'p');
  const inTrace = (fn: () => unknown) =>
    compile(device, {}, () => {
      fn();
      return { outputs: {} };
    });
  expect(() => withUpdates([], () => p)).toThrow(
    'withUpdates: expected to be called while compile() traces a function',
  );
  const twice: Update[] = [
    [p, add(p, 1)],
    [p, add(p, 2)],
  ];
  await expect(inTrace(() => withUpdates(twice, () => p))).rejects.toThrow(
    'withUpdates: expected one update per parameter, got two for p',
  );
  await expect(inTrace(() => withUpdates([[p, fill(0, [2])]], () => p))).rejects.toThrow(
    'update of p: expected [], got [2]',
  );
  await expect(inTrace(() => withUpdates([[p, fill(0, [], 'i32')]], () => p))).rejects.toThrow(
    'update of p: expected f32, got i32',
  );
  await expect(inTrace(() => withUpdates([], () => new Map([['y', mul(p, 2)]])))).rejects.toThrow(
    'withUpdates: expected fn to return tensors in arrays and plain objects, got a Map',
  );
});
