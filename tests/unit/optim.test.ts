import { expect, test } from 'vitest';
import { compile, cpu, f32, fill, grad, mul, nn, optim, Parameter, square, sum } from '../../src/index.ts';
import { planOf, trace } from '../programs.ts';

const parameter = (value: number, name = 'p') => new Parameter([1], nn.init.constantInit(value), { name });

/** The parameter after each of some steps with gradient 1. */
async function descend(optimizer: optim.Optimizer<optim.OptimizerOptions>, steps: number) {
  const device = cpu();
  const [p] = optimizer.params;
  let traces = 0;
  const step = await compile(device, {}, () => {
    traces++;
    return { outputs: {}, updates: optimizer.update(optimizer.params.map((q) => fill(1, q.shape))) };
  });
  const values: number[] = [];
  for (let i = 0; i < steps; i++) {
    await step({});
    values.push((await p!.read(device))[0]!);
  }
  return { values, traces, step, device };
}

test('a learning-rate schedule changes the rate at every step without recompiling', async () => {
  const seen: number[] = [];
  const schedule = (step: number) => {
    seen.push(step);
    return 1 / 2 ** step;
  };
  const { values, traces } = await descend(new optim.SGD([parameter(0)], { lr: schedule }), 4);
  expect(values).toEqual([-1, -1.5, -1.75, -1.875]);
  expect(seen).toEqual([0, 1, 2, 3]);
  expect(traces).toBe(1);
});

test('setting lr takes effect at the next step without recompiling', async () => {
  const optimizer = new optim.SGD([parameter(0)], { lr: 1 });
  const { values, traces, step, device } = await descend(optimizer, 1);
  optimizer.lr = 0.25;
  await step({});
  expect([...values, (await optimizer.params[0]!.read(device))[0]]).toEqual([-1, -1.25]);
  expect(optimizer.lr).toBe(0.25);
  expect(traces).toBe(1);
});

test('steps can be set to resume a schedule', async () => {
  const optimizer = new optim.SGD([parameter(0)], { lr: (step) => step });
  optimizer.steps = 10;
  expect((await descend(optimizer, 2)).values).toEqual([-10, -21]);
  expect(optimizer.steps).toBe(12);
});

test('the schedules follow their formulas', () => {
  expect([0, 9].map(optim.constantRate(0.1))).toEqual([0.1, 0.1]);
  expect([0, 9, 10, 25].map(optim.stepDecay(1, 10, 0.5))).toEqual([1, 1, 0.5, 0.25]);
  const cosine = optim.cosine(1, 100, 0.2);
  expect([0, 50, 100, 1000].map((step) => cosine(step))).toEqual([1, 0.6000000000000001, 0.2, 0.2]);
  expect([0, 1, 3, 4, 5].map(optim.warmup(4, (step) => 1 - step / 10))).toEqual([0.25, 0.5, 1, 1, 0.9]);
  expect(() => optim.stepDecay(1, 0)).toThrow('stepDecay: expected every >= 1, got 0');
  expect(() => optim.cosine(1, 0)).toThrow('cosine: expected steps >= 1, got 0');
  expect(() => optim.warmup(-1, () => 1)).toThrow('warmup: expected steps >= 0, got -1');
});

test('groups have options of their own', async () => {
  const device = cpu();
  const [a, b] = [parameter(0, 'a'), parameter(0, 'b')];
  const optimizer = new optim.SGD([{ params: [a] }, { params: [b], options: { lr: 0.5 } }], { lr: 1 });
  const step = await compile(device, {}, () => ({
    outputs: {},
    updates: optimizer.update([fill(1, [1]), fill(1, [1])]),
  }));
  await step({});
  expect([...(await a.read(device)), ...(await b.read(device))]).toEqual([-1, -0.5]);
});

test('an optimizer leaves alone the parameters that it was not given', async () => {
  const device = cpu();
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1));
  const head = model.parameters().filter(({ name }) => name.startsWith('2.'));
  const optimizer = new optim.SGD(head, { lr: 0.1 });
  const step = await compile(device, { x: f32(2, 3) }, ({ x }) => {
    const loss = sum(square(model.forward(x)));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, head)) };
  });
  const before = await model.readState(device);
  await step({ x: Float32Array.of(1, -2, 3, -4, 5, -6) });
  const after = await model.readState(device);
  const changed = [...after].flatMap(([name, values]) =>
    values.some((value, i) => value !== before.get(name)![i]) ? [name] : [],
  );
  expect(changed).toEqual(['2.weight', '2.bias']);
});

test('wrong arguments are refused', () => {
  const p = parameter(0);
  expect(() => new optim.SGD([], { lr: 1 })).toThrow('SGD: expected at least one parameter, got 0');
  expect(() => new optim.SGD([p, p], { lr: 1 })).toThrow(
    'SGD: expected each parameter once, got a parameter in two places',
  );
  expect(() => new optim.Adam([p], { lr: 1 }).update([])).toThrow('Adam.update: expected 1 gradients, got 0');
  expect(() => new optim.SGD([p], { lr: 1, nesterov: true }).update([fill(1, [1])])).toThrow(
    'SGD: expected momentum > 0 with nesterov, got 0',
  );
  expect(() => new optim.SGD([p], { lr: -1 })).toThrow('SGD: expected lr in [0, ∞), got -1');
  expect(() => new optim.AdamW([{ params: [p], options: { betas: [0.9, 1] } }], { lr: 1 })).toThrow(
    'AdamW: expected betas in [0, 1), got 1',
  );
  expect(() => new optim.RMSprop([p], { lr: 1, alpha: Number.NaN })).toThrow(
    'RMSprop: expected alpha in [0, 1), got NaN',
  );
  expect(() => new optim.Muon([p], { lr: 1 })).toThrow(
    'Muon: expected parameters of at least two axes, got [1] of p. Give it to another optimizer, such as AdamW',
  );
});

test('the first Adam step moves by lr whatever the size of the gradient', async () => {
  for (const scale of [1e-3, 1, 1e3]) {
    const device = cpu();
    const p = parameter(1);
    const optimizer = new optim.Adam([p], { lr: 0.1 });
    const step = await compile(device, {}, () => ({
      outputs: {},
      updates: optimizer.update([fill(scale, [1])]),
    }));
    await step({});
    // eps = 1e-8 beside a gradient of 1e-3 is a relative 1e-5
    expect((await p.read(device))[0]).toBeCloseTo(0.9, 5);
  }
});

test.each([
  ['SGD', (params: Parameter[]) => new optim.SGD(params, { lr: 1, momentum: 0.9, weightDecay: 0.1 })],
  ['AdamW', (params: Parameter[]) => new optim.AdamW(params, { lr: 1 })],
  ['Adam', (params: Parameter[]) => new optim.Adam(params, { lr: 1, weightDecay: 0.1, epsInsideSqrt: true })],
  ['RMSprop', (params: Parameter[]) => new optim.RMSprop(params, { lr: 1, momentum: 0.9, weightDecay: 0.1 })],
  ['Lion', (params: Parameter[]) => new optim.Lion(params, { lr: 1, weightDecay: 0.1 })],
] as const)(
  '8 bindings, which every adapter has, are enough for %s in the kernel of the gradient',
  async (_, make) => {
    const plan = async (maxBindings: number) => {
      const model = new nn.Sequential(new nn.Linear(6, 5), new nn.Tanh(), new nn.Linear(5, 4));
      const optimizer = make(model.parameters());
      const program = await trace({ x: f32(3, 6) }, ({ x }) => {
        const loss = sum(square(model.forward(x)));
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      });
      return planOf(program, maxBindings).kernels.length;
    };
    expect(await plan(8)).toBe(await plan(100));
  },
);

test('the state of an optimizer is named after its parameters and can be written back', async () => {
  const run = async (resumeAt: number | null) => {
    const device = cpu();
    const p = parameter(3, 'layer.weight');
    let optimizer = new optim.Adam([p], { lr: 0.1 });
    const compileStep = () =>
      compile(device, {}, () => ({
        outputs: {},
        updates: optimizer.update(grad(sum(square(p)), [p])),
      }));
    let step = await compileStep();
    for (let i = 0; i < 6; i++) {
      if (i === resumeAt) {
        const saved = new Map<string, Awaited<ReturnType<Parameter['read']>>>();
        for (const [name, moment] of optimizer.state()) saved.set(name, await moment.read(device));
        expect([...saved.keys()]).toEqual([
          'layer.weight.step',
          'layer.weight.exp_avg',
          'layer.weight.exp_avg_sq',
        ]);
        optimizer = new optim.Adam([p], { lr: 0.1 });
        step = await compileStep();
        for (const [name, moment] of optimizer.state()) await moment.write(device, saved.get(name)!);
      }
      await step({});
    }
    return (await p.read(device))[0];
  };
  expect(await run(3)).toBe(await run(null));
});

test('clipGradNorm leaves small gradients unchanged, scales large ones, and reports the norm before', async () => {
  const clip = async (scale: number) => {
    const step = await compile(cpu(), { g: f32(2) }, ({ g }) => {
      const { grads, norm } = optim.clipGradNorm([mul(g, scale)], 5);
      return { outputs: { clipped: grads[0]!, norm } };
    });
    const { clipped, norm } = await step({ g: Float32Array.of(3, 4) });
    return { clipped: [...(await clipped.data())], norm: await norm.item() };
  };
  expect(await clip(0.5)).toEqual({ clipped: [1.5, 2], norm: 2.5 });
  const large = await clip(100);
  expect(large.norm).toBe(500);
  expect(Math.hypot(...large.clipped)).toBeCloseTo(5, 5); // float32
  expect(() => optim.clipGradNorm([fill(1)], 0)).toThrow('clipGradNorm: expected maxNorm > 0, got 0');
  expect(() => optim.clipGradNorm([], 1)).toThrow('globalNorm: expected at least one gradient, got 0');
  expect(() => optim.clipGradValue([fill(1)], -1)).toThrow('clipGradValue: expected value > 0, got -1');
});

test('penalties are λ Σ |p| and λ/2 Σ p², with gradients λ sign(p) and λ p', async () => {
  const step = await compile(cpu(), { p: f32(4), q: f32(2) }, ({ p, q }) => {
    const [l1, l2] = [nn.l1Penalty([p, q], 0.5), nn.l2Penalty([p, q], 0.5)];
    return { outputs: { l1, l2, d1: grad(l1, [p])[0]!, d2: grad(l2, [p])[0]! } };
  });
  const { l1, l2, d1, d2 } = await step({ p: Float32Array.of(1, -2, 0, 4), q: Float32Array.of(-1, 1) });
  expect([await l1.item(), await l2.item()]).toEqual([0.5 * 9, 0.25 * 23]);
  expect([...(await d1.data())]).toEqual([0.5, -0.5, 0, 0.5]);
  expect([...(await d2.data())]).toEqual([0.5, -1, 0, 2]);
  expect(() => nn.l1Penalty([], 1)).toThrow('l1Penalty: expected at least one parameter, got 0');
  expect(() => nn.l2Penalty([fill(1)], -1)).toThrow('l2Penalty: expected lambda >= 0, got -1');
});
