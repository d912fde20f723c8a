import { expect, test } from 'vitest';
import {
  add,
  compile,
  cpu,
  f32,
  fill,
  grad,
  i32,
  mul,
  nn,
  optim,
  Parameter,
  printGraph,
  relu,
  sum,
  type Tensor,
} from '../../src/index.ts';

test('printGraph writes one node a line, numbered in topological order', () => {
  const w = new Parameter([2], nn.init.ones, { name: 'w' });
  expect(printGraph([sum(relu(mul(w, 3)))])).toMatchInlineSnapshot(`
    "%0: f32[2] = parameter(w)
    %1: f32[] = fill(value=3, shape=[], dtype="f32")
    %2: f32[2] = broadcast(%1, shape=[2])
    %3: f32[2] = mul(%0, %2)
    %4: f32[2] = relu(%3)
    %5: f32[] = sum(%4, axes=[0])
    return %5"
  `);
});

const CHAIN = 20_000; // deeper than any JavaScript call stack

test('a chain of 20,000 ops compiles, runs, and is differentiated without overflowing the stack', async () => {
  const step = await compile(cpu(), { x: f32() }, ({ x }) => {
    let y: Tensor = x;
    for (let i = 0; i < CHAIN; i++) y = i % 2 === 0 ? add(y, 1) : mul(y, fill(1));
    const [dx] = grad(y, [x]);
    return { outputs: { y, dx: dx! } };
  });
  const { y, dx } = await step({ x: Float32Array.of(0.5) });
  expect(await y.item()).toBe(0.5 + CHAIN / 2);
  expect(await dx.item()).toBe(1);
});

test('a step reads parameters from before it, and all its updates take effect together', async () => {
  const device = cpu();
  const a = new Parameter([], nn.init.constantInit(1), { name: 'a' });
  const b = new Parameter([], nn.init.constantInit(10), { name: 'b' });
  const step = await compile(device, {}, () => ({
    outputs: { a: add(a, 0) },
    updates: [
      [a, b],
      [b, add(a, 1)],
    ],
  }));
  expect(await (await step({})).a.item()).toBe(1);
  expect([...(await a.read(device)), ...(await b.read(device))]).toEqual([10, 2]);
  expect(await (await step({})).a.item()).toBe(10);
});

test('two updates of one parameter are refused', async () => {
  const p = new Parameter([], nn.init.zeros, { name: 'p' });
  await expect(
    compile(cpu(), {}, () => ({
      outputs: {},
      updates: [
        [p, add(p, 1)],
        [p, add(p, 2)],
      ],
    })),
  ).rejects.toThrow('compile: expected one update per parameter, got two for p');
});

test('an update of another shape or dtype is refused', async () => {
  const p = new Parameter([2], nn.init.zeros, { name: 'p' });
  await expect(compile(cpu(), {}, () => ({ outputs: {}, updates: [[p, fill(0, [3])]] }))).rejects.toThrow(
    'update of p: expected [2], got [3]',
  );
  await expect(
    compile(cpu(), {}, () => ({ outputs: {}, updates: [[p, fill(0, [2], 'i32')]] })),
  ).rejects.toThrow('update of p: expected f32, got i32');
});

test('another leading size is traced again; the same size is not', async () => {
  let traces = 0;
  const step = await compile(cpu(), { x: f32(4, 2) }, ({ x }) => {
    traces++;
    return { outputs: { y: sum(x) } };
  });
  const total = async (rows: number) => (await step({ x: new Float32Array(rows * 2).fill(1) })).y.item();
  expect(await total(4)).toBe(8);
  expect(await total(3)).toBe(6);
  expect(await total(4)).toBe(8);
  expect(traces).toBe(2);
});

test('step inputs that do not fit the signature are refused with their name', async () => {
  const step = await compile(cpu(), { x: f32(4, 2), k: i32(4) }, ({ x }) => ({ outputs: { y: sum(x) } }));
  const x = new Float32Array(8);
  const k = new Int32Array(4);
  await expect(step({ x: new Float32Array(7), k })).rejects.toThrow(
    'step input x: expected a positive multiple of 2 elements for [4, 2], got 7',
  );
  await expect(step({ x, k: x as unknown as Int32Array })).rejects.toThrow(
    'step input k: expected i32 data, got Float32Array',
  );
  await expect(step({ x } as unknown as { x: Float32Array; k: Int32Array })).rejects.toThrow(
    'step input k: expected i32 data, got nothing',
  );
  await expect(step({ x, k, z: x } as { x: typeof x; k: typeof k })).rejects.toThrow(
    'step: expected inputs x, k, got z',
  );
});

test('item() of more than one element is refused', async () => {
  const step = await compile(cpu(), { x: f32(2) }, ({ x }) => ({ outputs: { x } }));
  await expect((await step({ x: new Float32Array(2) })).x.item()).rejects.toThrow(
    'item: expected an output of one element, got 2 elements',
  );
});

test('Parameter.write checks what it gets, and steps afterwards see the new values', async () => {
  const device = cpu();
  const p = new Parameter([2], nn.init.zeros, { name: 'p' });
  const step = await compile(device, {}, () => ({ outputs: { y: sum(p) } }));
  await expect(p.write(device, new Float32Array(3))).rejects.toThrow(
    'p.write: expected 2 elements of f32, got 3 in a Float32Array',
  );
  await p.write(device, Float32Array.of(3, 4));
  expect(await (await step({})).y.item()).toBe(7);
});

test('a parameter read before any step uses it is an error', async () => {
  const p = new Parameter([2], nn.init.zeros, { name: 'p' });
  await expect(p.read(cpu())).rejects.toThrow(
    'p.read: expected a parameter that a step compiled for this device uses, got one that no step uses yet',
  );
});

test('a parameter written before any step uses it is an error', async () => {
  const p = new Parameter([2], nn.init.zeros, { name: 'p' });
  await expect(p.write(cpu(), new Float32Array(2))).rejects.toThrow(
    'p.write: expected a parameter that a step compiled for this device uses, got one that no step uses yet',
  );
});

test('two compiled steps share parameters', async () => {
  const device = cpu();
  const p = new Parameter([], nn.init.zeros, { name: 'p' });
  const up = await compile(device, {}, () => ({ outputs: {}, updates: [[p, add(p, 1)]] }));
  const twice = await compile(device, {}, () => ({ outputs: {}, updates: [[p, mul(p, 2)]] }));
  await up({});
  await twice({});
  await up({});
  expect([...(await p.read(device))]).toEqual([3]);
});

test('an optimizer state shared by two steps counts both', async () => {
  const device = cpu();
  const p = new Parameter([], nn.init.zeros, { name: 'p' });
  const optimizer = new optim.SGD([p], { lr: (step) => step + 1 });
  const make = () => compile(device, {}, () => ({ outputs: {}, updates: optimizer.update([fill(-1)]) }));
  const [a, b] = [await make(), await make()];
  await a({});
  await b({});
  expect([...(await p.read(device))]).toEqual([3]);
  expect(optimizer.steps).toBe(2);
});
