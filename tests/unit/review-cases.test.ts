import { expect, test } from 'vitest';
import {
  add,
  argmax,
  compile,
  cpu,
  f32,
  f32 as spec,
  grad,
  i32,
  max,
  nn,
  optim,
  Parameter,
  pow,
  scatterAdd,
  slice,
  stack,
  sum,
  tanh,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import { recomputeCheap } from '../../src/passes/index.ts';
import { fill, input } from '../../src/ops/index.ts';

test('one optimizer trains two models whose parameters share names and not shapes', async () => {
  const [g, d] = [new nn.Sequential(new nn.Linear(2, 3)), new nn.Sequential(new nn.Linear(3, 1))];
  const optimizer = new optim.Adam([...g.parameters(), ...d.parameters()], { lr: 0.05 });
  const step = await compile(cpu(), { x: f32(4, 2) }, ({ x }) => {
    const loss = nn.mse(d.forward(g.forward(x)), fill(1, [4, 1]));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const first = await (await step({ x })).loss.item();
  for (let i = 0; i < 50; i++) await step({ x });
  expect(await (await step({ x })).loss.item()).toBeLessThan(first / 10);
  expect([...optimizer.state().keys()]).toContain('0.weight.exp_avg#2');
});

test('a long chain of views of a cheap value does not overflow the stack', () => {
  let z: Tensor = add(input('x', [20_010], 'f32'), 1);
  for (let i = 0; i < 20_000; i++) z = slice(z, [[1]]);
  expect(recomputeCheap([tanh(z)])[0]!.shape).toEqual([10]);
});

test('reads and writes of a parameter keep their place among steps that nobody waits for', async () => {
  const device = cpu();
  const p = new Parameter([1], () => [4], { name: 'p' });
  const step = await compile(device, {}, () => ({ outputs: { p: add(p, 0) }, updates: [[p, add(p, 1)]] }));
  const [, before, , q, after] = await Promise.all([
    step({}),
    p.read(device),
    p.write(device, Float32Array.of(100)),
    step({}),
    p.read(device),
  ]);
  expect([before[0], await q.p.item(), after[0]]).toEqual([5, 100, 101]);
});

test('dtypes that an op has no kernel for are refused at the call', () => {
  const ints = input('i', [3], 'i32');
  const bools = input('b', [3], 'bool');
  expect(() => pow(ints, 2)).toThrow('pow: expected f32, got i32');
  expect(() => max(bools)).toThrow('max: expected f32, i32 or u32, got bool');
  expect(() => argmax(bools)).toThrow('argmax: expected f32, i32 or u32, got bool');
  expect(() => scatterAdd(ints, bools, 0, 3)).toThrow(
    'scatterAdd: expected a source of f32, i32 or u32, got bool',
  );
  expect(() => stack([ints, ints], -4)).toThrow('stack: expected an axis');
});

test('the gradient of pow at base 0 is that of the polynomial', async () => {
  const step = await compile(cpu(), { x: f32(1) }, ({ x }) => {
    const [constant] = grad(sum(pow(x, 0)), [x]);
    const [line] = grad(sum(pow(x, 1)), [x]);
    return { outputs: { constant: constant!, line: line!, second: grad(sum(line!), [x])[0]! } };
  });
  const { constant, line, second } = await step({ x: Float32Array.of(0) });
  expect([await constant.item(), await line.item(), await second.item()]).toEqual([0, 1, 0]);
});

test('compile and the declarations say what they expected', async () => {
  expect(() => spec(2.5)).toThrow('f32: expected sizes that are whole numbers');
  expect(() => i32(-2)).toThrow('i32: expected sizes that are whole numbers');
  const x = { x: f32(1) };
  // @ts-expect-error the function returns nothing
  await expect(compile(cpu(), x, () => undefined)).rejects.toThrow('to return { outputs, updates? }');
  // @ts-expect-error an async function
  await expect(compile(cpu(), x, async () => ({ outputs: {} }))).rejects.toThrow('must not be async');
  // @ts-expect-error the target is no parameter
  await expect(compile(cpu(), x, ({ x }) => ({ outputs: {}, updates: [[x, x]] }))).rejects.toThrow(
    'updates of parameters',
  );
});

test('writeState writes nothing when one of the values does not fit', async () => {
  const device = cpu();
  const layer = new nn.Linear(2, 1);
  await compile(device, { x: f32(1, 2) }, ({ x }) => ({ outputs: { y: layer.forward(x) } }));
  const before = await layer.weight.read(device);
  const bad = new Map<string, TypedArray>([
    ['weight', Float32Array.of(9, 9)],
    ['bias', new Int32Array(1)],
  ]);
  await expect(layer.writeState(device, bad)).rejects.toThrow('1 elements of f32 for bias');
  expect(await layer.weight.read(device)).toEqual(before);
});
