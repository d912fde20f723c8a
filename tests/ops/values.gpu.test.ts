import { expect, test } from 'vitest';
import { add, compile, ExpiredValueError, f32, mul } from '../../src/index.ts';
import { openDevice } from '../device.ts';

test('every output of a step can be read, in any order, at once and again', async () => {
  const device = await openDevice('webgpu');
  const step = await compile(device, { x: f32(3) }, ({ x }) => ({
    outputs: { twice: mul(x, 2), more: add(x, 1), same: x },
  }));
  const { twice, more, same } = await step({ x: Float32Array.of(1, 2, 3) });
  expect([...(await more.data())]).toEqual([2, 3, 4]);
  const [a, b] = await Promise.all([same.data(), twice.data()]);
  expect([...a]).toEqual([1, 2, 3]);
  expect([...b]).toEqual([2, 4, 6]);
  expect([...(await more.data())]).toEqual([2, 3, 4]);
  device.destroy();
});

test('a value that nobody read while its staging buffer was reused is reported as expired', async () => {
  const device = await openDevice('webgpu');
  const step = await compile(device, { x: f32(1) }, ({ x }) => ({ outputs: { y: mul(x, 2) } }));
  const values = [];
  for (let i = 0; i < 5; i++) values.push((await step({ x: Float32Array.of(i) })).y);
  await expect(values[0]!.item()).rejects.toThrow(ExpiredValueError);
  expect(await values[4]!.item()).toBe(8);
  device.destroy();
});
