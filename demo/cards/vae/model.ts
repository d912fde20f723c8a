import { add, compile, distributions, exp, f32, flatten, grad, mean, mul, neg, nn } from 'chainrule';
import { normal, optim, relu, sigmoid, square, sub, sum, type Device, type Tensor } from 'chainrule';

export interface Settings {
  beta: number;
  hidden: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** q(z | x) from an image to the plane, p(x | z) from the plane back to an image. */
class Vae extends nn.Module {
  h: nn.Linear;
  mu: nn.Linear;
  logVar: nn.Linear;
  g: nn.Linear;
  logits: nn.Linear;

  constructor(hidden: number) {
    super();
    this.h = new nn.Linear(28 * 28, hidden);
    this.mu = new nn.Linear(hidden, 2);
    this.logVar = new nn.Linear(hidden, 2);
    this.g = new nn.Linear(2, hidden);
    this.logits = new nn.Linear(hidden, 28 * 28);
  }

  encode(x: Tensor): { mu: Tensor; logVar: Tensor } {
    const h = relu(this.h.forward(x));
    return { mu: this.mu.forward(h), logVar: this.logVar.forward(h) };
  }

  decode(z: Tensor): Tensor {
    return this.logits.forward(relu(this.g.forward(z)));
  }

  /** The image that comes back: of the mean of q(z | x). */
  forward(x: Tensor): Tensor {
    return sigmoid(this.decode(this.encode(x).mu));
  }
}

/** Sum over the pixels or latents of each image, mean over the images. */
const perImage = (values: Tensor) => mean(sum(values, { axes: 1 }));

export async function build(device: Device, settings: Settings) {
  const { batch, hidden, lr, seed } = settings;
  const model = new Vae(hidden);
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { images: f32(batch, 28, 28), beta: f32() },
    ({ images, beta }) => {
      const x = flatten(images);
      const { mu, logVar } = model.encode(x);
      const sigma = exp(mul(0.5, logVar));
      const z = add(mu, mul(sigma, normal(mu.shape)));
      const logits = model.decode(z);
      const p = new distributions.Bernoulli(logits);
      const variance = square(sigma);
      const kl = mul(0.5, perImage(sub(sub(add(square(mu), variance), logVar), 1)));
      const reconstruction = perImage(p.logProb(x));
      const elbo = sub(reconstruction, mul(beta, kl));
      const updates = optimizer.update(grad(neg(elbo), optimizer.params));
      return { outputs: { elbo, reconstruction, kl }, updates };
    },
    { seed },
  );

  const encode = await compile(device, { images: f32(12, 28, 28) }, ({ images }) => ({
    outputs: { mu: model.encode(flatten(images)).mu },
  }));
  const decode = await compile(device, { z: f32(1, 2) }, ({ z }) => ({
    outputs: { x: sigmoid(model.decode(z)) },
  }));
  return { model, optimizer, train, encode, decode };
}
