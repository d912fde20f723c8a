import { add, compile, f32, fill, flatten, grad, mean, neg, nn, normal, optim } from 'chainrule';
import { sigmoid, withUpdates, type Device, type Tensor } from 'chainrule';

export interface Settings {
  objective: 'usual' | 'saturating';
  latents: number;
  hidden: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** G makes images of noise; D says of an image how likely it is real, as a logit. */
class Gan extends nn.Module {
  G: nn.Sequential;
  D: nn.Sequential;

  constructor(latents: number, hidden: number) {
    super();
    this.G = new nn.Sequential(
      new nn.Linear(latents, hidden),
      new nn.ReLU(),
      new nn.Linear(hidden, 28 * 28),
      new nn.Sigmoid(),
    );
    this.D = new nn.Sequential(
      new nn.Linear(28 * 28, hidden),
      new nn.LeakyReLU(0.2),
      new nn.Linear(hidden, 1),
    );
  }

  forward(z: Tensor): Tensor {
    return this.G.forward(z);
  }
}

/** −E log D for the label 1, −E log(1 − D) for the label 0. */
const bce = (logits: Tensor, label: number) => nn.bceWithLogits(logits, fill(label, logits.shape));

export async function build(device: Device, settings: Settings) {
  const { batch, hidden, latents, lr, seed } = settings;
  const gan = new Gan(latents, hidden);
  const { D, G } = gan;
  const options = { lr, betas: [0.5, 0.999] } as const; // less momentum: the opponent moves too
  const forD = new optim[settings.optimizer](D.parameters(), options);
  const forG = new optim[settings.optimizer](G.parameters(), options);

  const train = await compile(
    device,
    { images: f32(batch, 28, 28) },
    ({ images }) => {
      const x = flatten(images);
      const fake = G.forward(normal([batch, latents]));
      const onReal = D.forward(x);
      const onFake = D.forward(fake);
      const lossD = add(bce(onReal, 1), bce(onFake, 0));
      const newD = forD.update(grad(lossD, forD.params));
      const { lossG, newG } = withUpdates(newD, () => {
        const answer = D.forward(fake);
        const usual = bce(answer, 1);
        const saturating = neg(bce(answer, 0));
        const lossG = settings.objective === 'usual' ? usual : saturating;
        return { lossG, newG: forG.update(grad(lossG, forG.params)) };
      });
      const [real, forged] = [mean(sigmoid(onReal)), mean(sigmoid(onFake))];
      return { outputs: { lossD, lossG, real, forged }, updates: [...newD, ...newG] };
    },
    { seed },
  );

  const generate = await compile(device, { z: f32(1, latents) }, ({ z }) => ({
    outputs: { x: G.forward(z) },
  }));
  return { gan, forD, forG, train, generate };
}
