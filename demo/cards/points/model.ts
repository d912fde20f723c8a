import { compile, f32, grad, i32, nn, optim, softmax, type Device } from 'chainrule';

export interface Settings {
  depth: number;
  width: number;
  activation: 'Tanh' | 'ReLU';
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** A classifier p(y | x) = Cat(y | softmax(z)) of points x in the plane. */
export async function build(device: Device, settings: Settings) {
  const { depth, width, batch, lr, seed } = settings;
  const sigma = () => new nn[settings.activation]();

  const layers: nn.Module[] = [];
  for (let k = 0; k < depth; k++) {
    layers.push(new nn.Linear(k === 0 ? 2 : width, width), sigma());
  }
  const model = new nn.Sequential(...layers, new nn.Linear(width, 2));
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { x: f32(batch, 2), y: i32(batch) },
    ({ x, y }) => {
      const z = model.forward(x);
      const loss = nn.crossEntropy(z, y);
      const gradients = grad(loss, optimizer.params);
      return { outputs: { loss }, updates: optimizer.update(gradients) };
    },
    { seed },
  );

  const predict = await compile(
    device,
    { x: f32(64 * 64, 2) },
    ({ x }) => ({ outputs: { p: softmax(model.forward(x)) } }),
    { seed },
  );
  return { model, optimizer, train, predict };
}
