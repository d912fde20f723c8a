import { describe, expect, test } from 'vitest';
import {
  add,
  bool,
  ChainruleError,
  compile,
  cpu,
  DTypeError,
  f32,
  grad,
  i32,
  mul,
  nn,
  normal,
  optim,
  Parameter,
  print,
  randomBits,
  ShapeError,
  sub,
  sum,
  transpose,
  u32,
  uniform,
  type Device,
  type Tensor,
  type TypedArray,
  type Update,
} from '../../src/index.ts';
import { parameter } from '../programs.ts';

const identity = ({ x }: { readonly x: Tensor }) => ({ outputs: { y: mul(x, 2) } });
const compileDouble = () => compile(cpu(), { x: f32(2, 3) }, identity);

/** Calls a step with data that its types forbid. */
const callWith = (step: unknown, data: Record<string, unknown>) =>
  (step as (data: Record<string, unknown>) => Promise<Record<string, { data(): Promise<TypedArray> }>>)(data);

describe('inputs', () => {
  test.each([
    ['another dtype', { x: new Int32Array(6) }, 'step input x: expected f32 data, got Int32Array'],
    ['a plain array', { x: [1, 2, 3, 4, 5, 6] }, 'step input x: expected f32 data, got Array'],
    ['float64', { x: new Float64Array(6) }, 'step input x: expected f32 data, got Float64Array'],
    ['nothing', {}, 'step input x: expected f32 data, got nothing'],
    [
      'too few elements',
      { x: new Float32Array(5) },
      'step input x: expected a positive multiple of 3 elements for [2, 3], got 5',
    ],
    [
      'no elements',
      { x: new Float32Array(0) },
      'step input x: expected a positive multiple of 3 elements for [2, 3], got 0',
    ],
    ['a name too many', { x: new Float32Array(6), z: new Float32Array(6) }, 'step: expected inputs x, got z'],
  ])('%s is refused by name', async (_, data, message) => {
    await expect(callWith(await compileDouble(), data)).rejects.toThrow(message);
  });

  test('a scalar takes one element', async () => {
    const step = await compile(cpu(), { x: f32() }, ({ x }) => ({ outputs: { y: add(x, 1) } }));
    expect(await (await step({ x: Float32Array.of(2) })).y.item()).toBe(3);
    await expect(step({ x: new Float32Array(2) })).rejects.toThrow('step input x: expected');
  });

  test('each dtype has its array', async () => {
    const step = await compile(cpu(), { i: i32(2), u: u32(2), b: bool(2), f: f32(2) }, (inputs) => ({
      outputs: inputs,
    }));
    const data = {
      i: Int32Array.of(-1, 2),
      u: Uint32Array.of(1, 4_000_000_000),
      b: Uint32Array.of(0, 1),
      f: Float32Array.of(0.5, -0),
    };
    const out = await step(data);
    for (const name of ['i', 'u', 'b', 'f'] as const) {
      expect(out[name].dtype).toBe({ i: 'i32', u: 'u32', b: 'bool', f: 'f32' }[name]);
      expect(await out[name].data()).toEqual(data[name]);
    }
    await expect(callWith(step, { ...data, b: new Int32Array(2) })).rejects.toThrow(
      'step input b: expected bool data, got Int32Array',
    );
  });

  test('a part of a larger array is taken as it is', async () => {
    const all = Float32Array.from({ length: 20 }, (_, i) => i);
    const out = await (await compileDouble())({ x: all.subarray(3, 9) });
    expect(await out.y.data()).toEqual(Float32Array.of(6, 8, 10, 12, 14, 16));
  });

  test('item wants one element', async () => {
    const { y } = await (await compileDouble())({ x: new Float32Array(6) });
    await expect((async () => y.item())()).rejects.toThrow('item: expected an output of one element, got 6');
  });
});

describe('plans by leading size', () => {
  /** A step that records the shapes it was traced with. */
  async function traced() {
    const traces: number[] = [];
    const step = await compile(cpu(), { x: f32(2, 3) }, ({ x }) => {
      traces.push(x.shape[0]!);
      return { outputs: { y: sum(x) } };
    });
    const call = async (rows: number) => (await step({ x: new Float32Array(3 * rows).fill(1) })).y.item();
    return { traces, step, call };
  }

  test('another size traces again, a known one does not', async () => {
    const { traces, call } = await traced();
    expect(traces).toEqual([2]);
    expect([await call(2), await call(5), await call(2), await call(5)]).toEqual([6, 15, 6, 15]);
    expect(traces).toEqual([2, 5]);
  });

  test('the four latest used stay; the one not used for longest goes', async () => {
    const { traces, call } = await traced();
    for (const rows of [1, 3, 4]) await call(rows);
    await call(2); // now 1 is the oldest
    await call(5);
    for (const rows of [2, 3, 4, 5]) await call(rows);
    expect(traces).toEqual([2, 1, 3, 4, 5]);
    await call(1);
    expect(traces).toEqual([2, 1, 3, 4, 5, 1]);
    await call(2); // went when 1 came back
    expect(traces).toEqual([2, 1, 3, 4, 5, 1, 2]);
  });

  test('evicted and released plans free their memory', async () => {
    const reference = cpu();
    let live = 0;
    const device: Device = {
      name: 'counting',
      build: async (program) => {
        const executor = await reference.build(program);
        live++;
        return {
          run: (inputs) => executor.run(inputs),
          print: () => executor.print(),
          release: () => void live--,
        };
      },
      readParameter: (p) => reference.readParameter(p),
      writeParameter: (p, data) => reference.writeParameter(p, data),
      destroy: () => reference.destroy(),
    };
    const step = await compile(device, { x: f32(2, 3) }, identity);
    for (let rows = 1; rows <= 7; rows++) await step({ x: new Float32Array(3 * rows) });
    expect(live).toBe(4);
    step.release();
    await new Promise((resolve) => setTimeout(resolve));
    expect(live).toBe(0);
    const again = await step({ x: new Float32Array(6).fill(1) });
    expect(await again.y.data()).toEqual(new Float32Array(6).fill(2));
    expect(live).toBe(1);
  });

  test('a size that fn refuses throws its error, and other sizes go on working', async () => {
    const step = await compile(cpu(), { x: f32(2, 3) }, ({ x }) => {
      if (x.shape[0] === 5) throw new RangeError('no fives');
      return { outputs: { y: sum(x) } };
    });
    await expect(step({ x: new Float32Array(15) })).rejects.toThrow('no fives');
    await expect(step({ x: new Float32Array(15) })).rejects.toThrow('no fives');
    expect(await (await step({ x: new Float32Array(9).fill(2) })).y.item()).toBe(18);
  });

  test('steps called without waiting take effect in the order of the calls, also across sizes', async () => {
    const p = parameter('p', [], [1]);
    const step = await compile(cpu(), { x: f32(1) }, ({ x }) => ({
      outputs: { before: p },
      updates: [[p, add(mul(p, 10), sum(x))]],
    }));
    const results = await Promise.all(
      [[2], [1, 2], [4], [2, 3]].map((x) => step({ x: Float32Array.from(x) })),
    );
    const before = await Promise.all(results.map((result) => result.before.item()));
    expect(before).toEqual([1, 12, 123, 1234]);
  });

  test('a signature without inputs runs', async () => {
    const p = parameter('p', [], [1]);
    const step = await compile(cpu(), {}, () => ({ outputs: { p }, updates: [[p, add(p, 1)]] }));
    await step({});
    expect(await (await step({})).p.item()).toBe(2);
  });
});

test('train() and eval() are read when a step is traced', async () => {
  const model = new nn.Sequential(new nn.Dropout(0.5));
  const device = cpu();
  const forward = ({ x }: { readonly x: Tensor }) => ({ outputs: { y: model.forward(x) } });
  const training = await compile(device, { x: f32(1000) }, forward);
  model.eval();
  const evaluating = await compile(device, { x: f32(1000) }, forward);
  const ones = new Float32Array(1000).fill(1);
  const zeros = async (step: typeof training) =>
    (await (await step({ x: ones })).y.data()).filter((value) => value === 0).length;
  expect(await zeros(evaluating)).toBe(0);
  expect(await zeros(training)).toBeGreaterThan(400);
  expect(training.rng).toBeInstanceOf(Parameter);
  expect(evaluating.rng).toBeNull();
});

describe('updates', () => {
  const p = parameter('layers.0.weight', [2, 3], [1, 2, 3, 4, 5, 6]);
  const compileUpdates = (updates: () => readonly Update[]) =>
    compile(cpu(), {}, () => ({ outputs: {}, updates: updates() }));

  test('two for one parameter are refused', async () => {
    const message = 'compile: expected one update per parameter, got two for layers.0.weight';
    await expect(
      compileUpdates(() => [
        [p, mul(p, 2)],
        [p, add(p, 1)],
      ]),
    ).rejects.toThrow(message);
  });

  test('another shape is refused', async () => {
    const failing = compileUpdates(() => [[p, transpose(p)]]);
    await expect(failing).rejects.toThrow(ShapeError);
    await expect(failing).rejects.toThrow('update of layers.0.weight: expected [2, 3], got [3, 2]');
  });

  test('another dtype is refused', async () => {
    const counter = new Parameter([], () => [0], { name: 'n', dtype: 'u32' });
    const failing = compileUpdates(() => [[counter, sum(p)]]);
    await expect(failing).rejects.toThrow(DTypeError);
    await expect(failing).rejects.toThrow('update of n: expected u32, got f32');
  });

  test('outputs that are no tensors are refused by name', async () => {
    const failing = compile(cpu(), {}, () => ({ outputs: { loss: 3 as unknown as Tensor } }));
    await expect(failing).rejects.toThrow(ChainruleError);
    await expect(failing).rejects.toThrow('compile: expected outputs to be tensors, got number for loss');
  });

  test('all see the values from before the step, and so do outputs', async () => {
    const [a, b] = [parameter('a', [2], [1, 2]), parameter('b', [2], [10, 20])];
    const device = cpu();
    const step = await compile(device, {}, () => ({
      outputs: { a, total: add(a, b) },
      updates: [
        [a, b],
        [b, sub(a, b)],
      ],
    }));
    const first = await step({});
    const second = await step({});
    expect(await first.a.data()).toEqual(Float32Array.of(1, 2));
    expect(await first.total.data()).toEqual(Float32Array.of(11, 22));
    expect(await second.a.data()).toEqual(Float32Array.of(10, 20));
    expect(await a.read(device)).toEqual(Float32Array.of(-9, -18));
    expect(await b.read(device)).toEqual(Float32Array.of(19, 38));
  });

  test('two steps share a parameter', async () => {
    const shared = parameter('shared', [], [1]);
    const device = cpu();
    const double = await compile(device, {}, () => ({ outputs: {}, updates: [[shared, mul(shared, 2)]] }));
    const read = await compile(device, {}, () => ({ outputs: { shared } }));
    await double({});
    await double({});
    expect(await (await read({})).shared.item()).toBe(4);
    await shared.write(device, Float32Array.of(7));
    await double({});
    expect(await (await read({})).shared.item()).toBe(14);
  });

  test('devices keep their own values', async () => {
    const own = parameter('own', [], [1]);
    const [a, b] = [cpu(), cpu()];
    const steps = await Promise.all(
      [a, b].map((device) => compile(device, {}, () => ({ outputs: {}, updates: [[own, add(own, 1)]] }))),
    );
    await steps[0]!({});
    await steps[0]!({});
    await steps[1]!({});
    expect([(await own.read(a))[0], (await own.read(b))[0]]).toEqual([3, 2]);
  });

  test('a learning-rate schedule advances once a step, over all sizes of one optimizer', async () => {
    const rates: number[] = [];
    const w = parameter('w', [], [0]);
    const optimizer = new optim.SGD([w], { lr: (step) => (rates.push(step), 1) });
    const step = await compile(cpu(), { x: f32(1) }, ({ x }) => {
      const loss = sum(mul(x, w));
      return { outputs: { loss }, updates: optimizer.update(grad(loss, [w])) };
    });
    for (const rows of [1, 2, 1, 3]) await step({ x: new Float32Array(rows) });
    expect(rates).toEqual([0, 1, 2, 3]);
    expect(optimizer.steps).toBe(4);
  });
});

describe('random numbers', () => {
  async function draws(seed: number, steps = 3) {
    const device = cpu();
    const step = await compile(
      device,
      { x: f32(1) },
      () => ({ outputs: { u: uniform([5]), n: normal([5]), bits: randomBits([5]) } }),
      { seed },
    );
    const values: number[][] = [];
    for (let i = 0; i < steps; i++) {
      const { u, n, bits } = await step({ x: new Float32Array(1 + (i % 2)) }); // two plans draw from one counter
      values.push([...(await u.data()), ...(await n.data()), ...(await bits.data())]);
    }
    return { values, counter: (await step.rng!.read(device))[0] };
  }

  test('are new at each step, and the same again with the same seed', async () => {
    const { values, counter } = await draws(7);
    expect(counter).toBe(3);
    expect(new Set(values.flat()).size).toBe(values.flat().length);
    expect(await draws(7)).toEqual({ values, counter });
    expect((await draws(8)).values).not.toEqual(values);
  });

  test('go on from a counter that was saved', async () => {
    const device = cpu();
    const step = await compile(device, {}, () => ({ outputs: { u: uniform([4]) } }), { seed: 3 });
    await step({});
    await step({});
    const third = await (await step({})).u.data();
    await step.rng!.write(device, Uint32Array.of(2));
    expect(await (await step({})).u.data()).toEqual(third);
  });

  test('streams are numbered by order of calls, or named', async () => {
    const step = await compile(cpu(), {}, () => ({
      outputs: {
        a: uniform([4]),
        b: uniform([4]),
        named: uniform([4], { stream: 's' }),
        again: uniform([4], { stream: 's' }),
      },
    }));
    const { a, b, named, again } = await step({});
    expect(await a.data()).not.toEqual(await b.data());
    expect(await named.data()).not.toEqual(await a.data());
    expect(await again.data()).toEqual(await named.data());
  });

  test('outside of compile throw an error that says so', () => {
    for (const draw of [uniform, normal, randomBits]) {
      expect(() => draw([2])).toThrow(ChainruleError);
      expect(() => draw([2])).toThrow(
        `${draw.name}: expected to be called while compile() traces a function`,
      );
    }
  });

  test('an error while tracing leaves no trace open', async () => {
    await expect(
      compile(cpu(), {}, () => {
        throw new RangeError('stop');
      }),
    ).rejects.toThrow('stop');
    expect(() => uniform([2])).toThrow(ChainruleError);
  });
});

test('print gives the plan of the latest size', async () => {
  const step = await compile(cpu(), { x: f32(2, 3) }, identity);
  expect(print(step)).toContain('f32[2, 3] = mul');
  await step({ x: new Float32Array(12) });
  expect(print(step)).toContain('f32[4, 3] = mul');
});
