import { compile, f32, grad, i32, nn, optim, relu, softmax, type Device, type Tensor } from 'chainrule';

export interface Settings {
  network: 'cnn' | 'mlp';
  channels: number;
  hidden: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** Twice the same small filters at every place of the image and a pool, then two linear layers. */
class Cnn extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  pool = new nn.MaxPool2d(2);
  flatten = new nn.Flatten();
  linear: nn.Linear;
  logits: nn.Linear;

  constructor(channels: number, hidden: number) {
    super();
    this.conv1 = new nn.Conv2d(1, channels, 3); // → channels × 26 × 26
    this.conv2 = new nn.Conv2d(channels, 2 * channels, 3); // → 2 channels × 11 × 11
    this.linear = new nn.Linear(2 * channels * 5 * 5, hidden);
    this.logits = new nn.Linear(hidden, 10);
  }

  features(x: Tensor): Tensor {
    return relu(this.conv1.forward(x));
  }

  forward(x: Tensor): Tensor {
    const h1 = this.pool.forward(this.features(x));
    const h2 = this.pool.forward(relu(this.conv2.forward(h1)));
    const h3 = relu(this.linear.forward(this.flatten.forward(h2)));
    return this.logits.forward(h3);
  }
}

/** No filters: each hidden unit looks at all pixels. */
class Mlp extends nn.Module {
  flatten = new nn.Flatten();
  linear: nn.Linear;
  out: nn.Linear;

  constructor(hidden: number) {
    super();
    this.linear = new nn.Linear(28 * 28, hidden);
    this.out = new nn.Linear(hidden, 10);
  }

  forward(x: Tensor): Tensor {
    const h = relu(this.linear.forward(this.flatten.forward(x)));
    return this.out.forward(h);
  }
}

export async function build(device: Device, settings: Settings) {
  const { batch, channels, hidden, lr, network, seed } = settings;
  const model = network === 'cnn' ? new Cnn(channels, hidden) : new Mlp(hidden);
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { x: f32(batch, 1, 28, 28), y: i32(batch) },
    ({ x, y }) => {
      const z = model.forward(x);
      const loss = nn.crossEntropy(z, y);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    { seed },
  );

  const predict = await compile(device, { x: f32(1, 1, 28, 28) }, ({ x }) => ({
    outputs: { p: softmax(model.forward(x)) },
  }));
  const features =
    model instanceof Cnn
      ? await compile(device, { x: f32(1, 1, 28, 28) }, ({ x }) => ({
          outputs: { maps: model.features(x) },
        }))
      : null;
  return { model, optimizer, train, predict, features };
}
