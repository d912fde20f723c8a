// `debug: 'nan'` on both backends, and that a checked step is otherwise a step like any other.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  add,
  CheckError,
  compile,
  div,
  f32,
  grad,
  i32,
  log,
  mean,
  mul,
  nn,
  normal,
  optim,
  Parameter,
  print,
  scan,
  sqrt,
  sub,
  sum,
  tanh,
  where,
  gt,
  type CompileOptions,
  type Device,
  type Finding,
  type Signature,
  type StepResult,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import type { InputTensors } from '../../src/compile.ts';
import { openDevice } from '../device.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const waves = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i));
const labels = (length: number, classes: number) => Int32Array.from({ length }, (_, i) => i % classes);

/** What is found in a step, or null. */
async function findingOf(
  step: () => Promise<unknown>,
): Promise<{ message: string; finding: Finding } | null> {
  try {
    await step();
    return null;
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    return { message: error.message, finding: error.finding };
  }
}

describe("debug: 'nan' names", () => {
  const debug = { debug: 'nan' } as const;

  test('the op in the middle of a model that makes a NaN, and what from', async () => {
    const step = await compile(
      device,
      { x: f32(2, 3) },
      ({ x }) => ({ outputs: { loss: sum(tanh(mul(log(sub(x, 1)), 0.5))) } }),
      debug,
    );
    expect(await findingOf(() => step({ x: Float32Array.of(2, 3, 4, 5, 6, 7) }))).toBeNull();
    const found = await findingOf(() => step({ x: Float32Array.of(2, 3, 4, 5, -6, 7) }));
    expect(found!.message).toMatch(
      /^log: expected finite values, got NaN at \[1, 1\] of \[2, 3\] \(computed from -7/,
    );
    expect(found!.finding).toMatchObject({
      op: 'log',
      index: [1, 1],
      shape: [2, 3],
      got: NaN,
      expected: null,
    });
  });

  test('a division of 0 by 0, and one that overflows', async () => {
    const step = await compile(
      device,
      { a: f32(4), b: f32(4) },
      ({ a, b }) => ({ outputs: { y: mean(add(div(a, b), 1)) } }),
      debug,
    );
    const b = Float32Array.of(1, 1, 0, 1);
    expect((await findingOf(() => step({ a: new Float32Array(4), b })))!.message).toContain(
      'div: expected finite values, got NaN at [2] of [4] (computed from 0 and 0',
    );
    expect((await findingOf(() => step({ a: new Float32Array(4).fill(1), b })))!.message).toContain(
      'div: expected finite values, got Infinity at [2] of [4] (computed from 1 and 0',
    );
  });

  test.each([
    { reverse: false, slice: 3 },
    { reverse: true, slice: 3 },
  ])('the slice of a scan, reverse: $reverse', async ({ reverse, slice }) => {
    const step = await compile(
      device,
      { x: f32(5, 2) },
      ({ x }) => {
        const { carry, ys } = scan(
          (h: Tensor, xt: Tensor) => {
            const next = sub(sqrt(xt), mul(h, 0.5));
            return [next, next] as const;
          },
          mul(sum(x, { axes: 0 }), 0),
          x,
          { reverse },
        );
        return { outputs: { carry, ys } };
      },
      debug,
    );
    const x = new Float32Array(10).fill(4);
    expect(await findingOf(() => step({ x }))).toBeNull();
    x[7] = -4; // slice 3, column 1
    const found = await findingOf(() => step({ x }));
    expect(found!.finding).toMatchObject({ op: 'sqrt', index: [1], shape: [2], loopSteps: [slice] });
    expect(found!.message).toContain('slice 3 of a scan');
  });

  test('an input, a parameter or a host scalar that is not finite before the step', async () => {
    const w = new Parameter([2, 2], nn.init.constantInit(1), { name: 'w' });
    const optimizer = new optim.SGD([w], { lr: 0.1 });
    const step = await compile(
      device,
      { x: f32(2, 2) },
      ({ x }) => {
        const loss = sum(mul(w, x));
        return { outputs: { loss }, updates: optimizer.update(grad(loss, [w])) };
      },
      debug,
    );
    const x = Float32Array.of(1, 2, 3, 4);
    const found = await findingOf(() => step({ x: Float32Array.of(1, 2, Infinity, 4) }));
    expect(found!.message).toBe('input x: expected finite values, got Infinity at [1, 0] of [2, 2]');
    optimizer.lr = NaN;
    expect((await findingOf(() => step({ x })))!.finding.op).toMatch(/^hostScalar/);
    optimizer.lr = 0.1;
    await w.write(device, Float32Array.of(1, NaN, 1, 1));
    expect((await findingOf(() => step({ x })))!.message).toBe(
      'parameter w: expected finite values, got NaN at [0, 1] of [2, 2]',
    );
  });

  test('the parameter whose update is not finite', async () => {
    const w = new Parameter([3], nn.init.constantInit(2), { name: 'layers.0.weight' });
    const step = await compile(
      device,
      { x: f32(3) },
      ({ x }) => ({ outputs: {}, updates: [[w, div(w, x)]] }),
      debug,
    );
    expect((await findingOf(() => step({ x: Float32Array.of(1, 0, 1) })))!.message).toMatch(
      /^div: expected finite values, got Infinity at \[1\] of \[3\] \(computed from 2 and 0; next value of layers\.0\.weight/,
    );
  });
});

test('an adapter that makes a finite number of log(0) hides nothing', async () => {
  const step = await compile(device, { x: f32(2) }, ({ x }) => ({ outputs: { y: mean(log(x)) } }), {
    debug: 'nan',
  });
  const found = await findingOf(() => step({ x: Float32Array.of(1, 0) }));
  expect(found!.finding).toMatchObject({ op: 'log', index: [1], got: -Infinity });
});

test('a NaN that a where discards is no finding on WebGPU; on cpu() every op counts', async () => {
  const step = await compile(
    device,
    { x: f32(3) },
    ({ x }) => ({ outputs: { y: where(gt(x, 0), log(x), 0) } }),
    { debug: 'nan' },
  );
  const found = await findingOf(() => step({ x: Float32Array.of(1, -1, 2) }));
  expect(found?.finding.op).toBe(__BACKEND__ === 'cpu' ? 'log' : undefined);
});

test('a where that keeps a NaN is traced to the branch it took', async () => {
  const step = await compile(
    device,
    { x: f32(3) },
    ({ x }) => ({ outputs: { y: mul(where(gt(x, 0), x, sqrt(x)), 2) } }),
    { debug: 'nan' },
  );
  const found = await findingOf(() => step({ x: Float32Array.of(1, 4, -9) }));
  expect(found!.finding).toMatchObject({ op: 'sqrt', index: [2] });
});

test('after an error parameters are as before the step, and the next step works', async () => {
  const w = new Parameter([2], nn.init.constantInit(1), { name: 'w' });
  const count = new Parameter([], () => [0], { name: 'count' });
  const step = await compile(
    device,
    { x: f32(2) },
    // the counter's update does not depend on what fails, and on WebGPU may run before it
    ({ x }) => ({
      outputs: { noise: normal([2]) },
      updates: [
        [count, add(count, 1)],
        [w, add(w, log(x))],
      ],
    }),
    { debug: 'nan', check: 'cpu' },
  );
  const state = () => Promise.all([w, count, step.rng!].map(async (p) => [...(await p.read(device))]));
  const good = Float32Array.of(1, 1);
  await step({ x: good });
  expect(await state()).toEqual([[1, 1], [1], [1]]);
  for (let i = 0; i < 4; i++)
    expect((await findingOf(() => step({ x: Float32Array.of(1, -1) })))!.finding.op).toBe('log');
  expect(await state()).toEqual([[1, 1], [1], [1]]);
  const { noise } = await step({ x: good });
  expect((await noise.data()).every(Number.isFinite)).toBe(true);
  expect(await state()).toEqual([[1, 1], [2], [2]]);
});

test('a finding rejects its own step only, also when nobody waits in between', async () => {
  const step = await compile(device, { x: f32(1) }, ({ x }) => ({ outputs: { y: log(x) } }), {
    debug: 'nan',
  });
  const results = await Promise.allSettled([1, -1, 1].map((x) => step({ x: Float32Array.of(x) })));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

// --- Healthy steps ---------------------------------------------------------------------------

interface Training {
  readonly signature: Signature;
  readonly data: Record<string, TypedArray>;
  /** A new model, which starts with the same values each time. */
  make(): { model: nn.Module; fn: (inputs: InputTensors<Signature>) => StepResult<Record<string, Tensor>> };
}

function classifier(makeModel: () => nn.Module, shape: readonly number[], makeOptimizer = adam): Training {
  const batch = shape[0]!;
  return {
    signature: { x: { dtype: 'f32', shape }, y: i32(batch) },
    data: { x: waves(shape.reduce((a, b) => a * b)), y: labels(batch, 5) },
    make() {
      const model = makeModel();
      const optimizer = makeOptimizer(model.parameters());
      return {
        model,
        fn({ x, y }) {
          const loss = nn.crossEntropy(model.forward(x!), y!);
          return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
      };
    },
  };
}

/** Clips first, so that on WebGPU the updates of all parameters run as one dispatch, unless they are checked. */
function clipped(params: readonly Parameter[]): AnyOptimizer {
  const inner = adam(params);
  return { params, update: (gradients) => inner.update(optim.clipGradNorm(gradients, 0.5).grads) };
}

type AnyOptimizer = Pick<optim.Adam, 'params' | 'update'>;

const adam = (params: readonly Parameter[]): AnyOptimizer => new optim.Adam(params, { lr: 1e-2 });
const smallMlp = () => new nn.Sequential(new nn.Linear(7, 6), new nn.Tanh(), new nn.Linear(6, 5));

/** The last state of a recurrent layer, classified. */
class LastState extends nn.Module {
  readonly rnn = new nn.LSTM(3, 4, { bidirectional: true });
  readonly head = new nn.Linear(8, 5);

  forward(x: Tensor): Tensor {
    return this.head.forward(mean(this.rnn.forward(x), { axes: 1 }));
  }
}

const TRAININGS: Record<string, Training> = {
  'an MLP with dropout and layer norm': classifier(
    () =>
      new nn.Sequential(
        new nn.Linear(20, 16),
        new nn.LayerNorm([16]),
        new nn.GELU(),
        new nn.Dropout(0.3),
        new nn.Linear(16, 5),
      ),
    [12, 20],
  ),
  // The bias before the batch norm has a gradient of 0 but for rounding, which Adam scales up to its whole step.
  'a CNN with batch norm and pools': classifier(
    () =>
      new nn.Sequential(
        new nn.Conv2d(1, 4, 3, { padding: 1 }),
        new nn.BatchNorm2d(4),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(4, 6, 3, { padding: 1, stride: 2 }),
        new nn.LeakyReLU(),
        new nn.AvgPool2d(2),
        new nn.Flatten(),
        new nn.Linear(6 * 4, 5),
      ),
    [6, 1, 16, 16],
  ),
  'a bidirectional LSTM': classifier(() => new LastState(), [3, 4, 3]),
  ...Object.fromEntries(
    Object.entries({
      'SGD with momentum': (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
      'Adam with clipping': clipped,
      AdamW: (p) => new optim.AdamW(p, { lr: 1e-2 }),
      RMSprop: (p) => new optim.RMSprop(p, { lr: 1e-2 }),
      Adagrad: (p) => new optim.Adagrad(p, { lr: 1e-2 }),
      Lion: (p) => new optim.Lion(p, { lr: 1e-2 }),
      Muon: (p) =>
        new optim.Muon(
          p.filter(({ rank }) => rank === 2),
          { lr: 1e-2 },
        ),
    } satisfies Record<string, (params: readonly Parameter[]) => AnyOptimizer>).map(([name, make]) => [
      name,
      classifier(smallMlp, [8, 7], make),
    ]),
  ),
};

/** Losses and parameters of three steps, bit by bit, and the plan. */
async function train({ signature, data, make }: Training, options: CompileOptions) {
  const { model, fn } = make();
  const parameters = [...model.state().values()];
  const step = await compile(device, signature, fn, options);
  const losses = [];
  for (let i = 0; i < 3; i++) losses.push(await (await step(data)).loss!.item());
  const state = await Promise.all(parameters.map(async (p) => [...(await p.read(device))]));
  const plan = print(step);
  step.release();
  return { losses, state, plan };
}

test.each(Object.entries(TRAININGS))(
  '%s passes all checks, and gives the same bits and plan as without',
  async (_, training) => {
    const ordinary = await train(training, { seed: 3 });
    const checked = await train(training, { seed: 3, check: 'cpu', debug: 'nan' });
    expect(checked.losses).toEqual(ordinary.losses);
    expect(checked.state).toEqual(ordinary.state);
    // On cpu() the plan is the graph, whose nodes are numbered on. On WebGPU updates that run as one dispatch have the
    // sizes of one kernel.
    const lines = ({ plan }: { plan: string }) =>
      plan.replaceAll(/[%#]\d+|\n.* after merging updates|\d+ bytes without/g, '');
    expect(lines(checked)).toBe(lines(ordinary));
  },
);

test('a checked step traces again for another leading size', async () => {
  const step = await compile(device, { x: f32(2, 3) }, ({ x }) => ({ outputs: { y: sum(log(x)) } }), {
    check: 'cpu',
    debug: 'nan',
  });
  expect(await (await step({ x: new Float32Array(12).fill(1) })).y.item()).toBeCloseTo(0, 5);
  const found = await findingOf(() => step({ x: new Float32Array(3).fill(-1) }));
  expect(found!.finding).toMatchObject({ op: 'log', shape: [1, 3] });
});

test.each([
  [{ check: 'gpu' }, "compile: expected check to be 'cpu', got gpu"],
  [{ debug: 'inf' }, "compile: expected debug to be 'nan', got inf"],
  [{ check: 'cpu', checkTolerance: 0 }, 'compile: expected checkTolerance above 0, got 0'],
])('options %o are refused', async (options, message) => {
  const compiling = compile(device, {}, () => ({ outputs: {} }), options as CompileOptions);
  await expect(compiling).rejects.toThrow(message);
});
