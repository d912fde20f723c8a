import { compile, cpu, f32, grad, nn, optim, webgpu } from 'chainrule';

const device = process.argv[2] === 'cpu' ? cpu() : await webgpu();
const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
const step = await compile(device, { x: f32(4, 2), y: f32(4, 1) }, ({ x, y }) => {
  const loss = nn.bceWithLogits(model.forward(x), y);
  return { outputs: { loss }, updates: optimizer.update(grad(loss, model.parameters())) };
});
const batch = { x: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), y: Float32Array.of(0, 1, 1, 0) };
for (let i = 0; i < 400; i++) await step(batch);
const { loss } = await step(batch);
console.log(JSON.stringify({ device: device.name, loss: await loss.item() }));
device.destroy();
