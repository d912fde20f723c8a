import { add, compile, f32, flatten, grad, mul, nn, normal, optim, sigmoid } from 'chainrule';
import type { Device, Tensor } from 'chainrule';

export interface Settings {
  code: number;
  hidden: number;
  noise: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** An encoder f from an image to a few numbers, and a decoder g from them back to an image. */
class Autoencoder extends nn.Module {
  f: nn.Sequential;
  g: nn.Sequential;

  constructor(hidden: number, code: number) {
    super();
    const mlp = (from: number, to: number) =>
      new nn.Sequential(new nn.Linear(from, hidden), new nn.ReLU(), new nn.Linear(hidden, to));
    this.f = mlp(28 * 28, code);
    this.g = mlp(code, 28 * 28);
  }

  /** Ink of each pixel, from 0 to 1. */
  decode(z: Tensor): Tensor {
    return sigmoid(this.g.forward(z));
  }

  forward(x: Tensor): Tensor {
    return this.decode(this.f.forward(x));
  }
}

export async function build(device: Device, settings: Settings) {
  const { batch, code, hidden, lr, seed } = settings;
  const model = new Autoencoder(hidden, code);
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { images: f32(batch, 28, 28), noise: f32() },
    ({ images, noise }) => {
      const x = flatten(images);
      const noisy = add(x, mul(noise, normal(x.shape)));
      const z = model.f.forward(noisy);
      const back = model.decode(z);
      const loss = nn.mse(back, x);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    { seed },
  );

  const reconstruct = await compile(device, { x: f32(1, 28 * 28) }, ({ x }) => {
    const z = model.f.forward(x);
    return { outputs: { z, back: model.decode(z) } };
  });
  return { model, optimizer, train, reconstruct };
}
