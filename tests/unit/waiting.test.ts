// How far a training loop that never waits for the GPU gets ahead of it.
import { expect, test } from 'vitest';
import { add, compile, f32, Parameter, sum, webgpu } from '../../src/index.ts';
import { noGpu } from '../no-gpu.ts';

/** Let everything happen that waits for nothing but its turn. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

test('three steps are enqueued while the GPU has done none of them, and then one for each that it does', async () => {
  const done: (() => void)[] = [];
  const { device: gpu } = noGpu(() => new Promise((resolve) => done.push(resolve)));
  const device = await webgpu({ device: gpu });
  const w = new Parameter([4], () => [1, 2, 3, 4], { name: 'w' });
  const step = await compile(device, { x: f32(4) }, ({ x }) => ({
    outputs: { loss: sum(x) },
    updates: [[w, add(w, x)]],
  }));
  let enqueued = 0;
  for (let i = 0; i < 10; i++) void step({ x: new Float32Array(4) }).then(() => enqueued++);
  await turn();
  expect(enqueued).toBe(3);
  for (let i = 0; i < 5; i++) {
    done[i]!();
    await turn();
    expect(enqueued).toBe(4 + i);
  }
});
