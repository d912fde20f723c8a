import { expect, test } from 'vitest';
import { compile, cpu, f32, grad, nn, optim } from '../../src/index.ts';

test('a two-layer network learns XOR on the reference device', async () => {
  const device = cpu();
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
  const step = await compile(device, { x: f32(4, 2), y: f32(4, 1) }, ({ x, y }) => {
    const loss = nn.bceWithLogits(model.forward(x), y);
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const batch = { x: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), y: Float32Array.of(0, 1, 1, 0) };
  const first = await (await step(batch)).loss.item();
  for (let i = 0; i < 200; i++) await step(batch);
  const last = await (await step(batch)).loss.item();
  expect(first).toBeGreaterThan(0.5);
  expect(last).toBeLessThan(0.01);
  expect([...model.state().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
});
