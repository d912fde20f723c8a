import { add, avgPool2d, compile, f32, flatten, grad, i32, mean, nn, optim } from 'chainrule';
import { sigmoid, slice, stack, sum, type Device, type Tensor } from 'chainrule';

export interface Settings {
  pretraining: number;
  code: number;
  hidden: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

const PIXELS = 14 * 14;

const mlp = (inputs: number, hidden: number, outputs: number) =>
  new nn.Sequential(new nn.Linear(inputs, hidden), new nn.ReLU(), new nn.Linear(hidden, outputs));

/** An autoencoder g(f(x)), and classifiers of pixels x or codes f(x), one for each set of labels. */
class SemiSupervised extends nn.Module {
  f: nn.Sequential;
  g: nn.Sequential;
  fromPixels: nn.Sequential[];
  fromCode: nn.Sequential[];

  constructor(hidden: number, code: number, sets: number) {
    super();
    const standardised = new nn.BatchNorm1d(code, { affine: false }); // mean 0, variance 1
    this.f = new nn.Sequential(new nn.Flatten(), mlp(PIXELS, hidden, code), standardised);
    this.g = mlp(code, hidden, PIXELS);
    this.fromPixels = Array.from({ length: sets }, () => mlp(PIXELS, 64, 10));
    this.fromCode = Array.from({ length: sets }, () => mlp(code, 64, 10));
  }

  forward(x: Tensor): Tensor {
    return this.g.forward(this.f.forward(x));
  }
}

/** 28 × 28 → 14 × 14 pixels. */
const halve = (images: Tensor) => avgPool2d(images, 2);

/** @param sets how many sets of labels there are: a batch has as many rows of each, in order */
export async function build(device: Device, settings: Settings, sets: number) {
  const { batch, code, hidden, lr, seed } = settings;
  const model = new SemiSupervised(hidden, code, sets);
  const { f, fromCode, fromPixels, g } = model;
  const Optimizer = optim[settings.optimizer];

  const disturb = (x: Tensor) => nn.augment(x, { shift: 2, rotate: 0.2, scale: [0.9, 1.1] });
  const forCode = new Optimizer([...f.parameters(), ...g.parameters()], { lr });
  const pretrain = await compile(
    device,
    { images: f32(batch, 1, 28, 28) },
    ({ images }) => {
      const x = halve(images);
      const disturbed = disturb(x);
      const logits = g.forward(f.train().forward(disturbed));
      const reconstruction = nn.bceWithLogits(logits, flatten(x));
      const updates = forCode.update(grad(reconstruction, forCode.params));
      return { outputs: { reconstruction }, updates };
    },
    { seed },
  );

  const classifiers = [...fromPixels, ...fromCode].flatMap((each) => each.parameters());
  const forClasses = new Optimizer(classifiers, { lr });
  const classify = await compile(
    device,
    { images: f32(sets * batch, 1, 28, 28), y: i32(sets * batch) },
    ({ images, y }) => {
      const x = flatten(halve(images));
      const z = f.eval().forward(x);
      const rows = images.shape[0]! / sets;
      const ofSet = (all: Tensor, k: number) => slice(all, [[k * rows, (k + 1) * rows]]);
      const lossOf = (inputs: Tensor) => (classifier: nn.Module, k: number) =>
        nn.crossEntropy(classifier.forward(ofSet(inputs, k)), ofSet(y, k));
      const pixelLosses = stack(fromPixels.map(lossOf(x)));
      const codeLosses = stack(fromCode.map(lossOf(z)));
      const loss = add(sum(pixelLosses), sum(codeLosses));
      const updates = forClasses.update(grad(loss, forClasses.params));
      return { outputs: { pixelLoss: mean(pixelLosses), codeLoss: mean(codeLosses) }, updates };
    },
    { seed },
  );

  const predict = await compile(device, { images: f32(1, 1, 28, 28) }, ({ images }) => {
    const x = flatten(halve(images));
    const z = f.eval().forward(x);
    const pixels = stack(fromPixels.map((classifier) => classifier.forward(x)));
    return { outputs: { pixels, code: stack(fromCode.map((each) => each.forward(z))) } };
  });
  const reconstruct = await compile(device, { disturbed: f32(1, 1, 14, 14) }, ({ disturbed }) => ({
    outputs: { back: sigmoid(g.forward(f.eval().forward(disturbed))) },
  }));
  const sample = await compile(
    device,
    { images: f32(1, 1, 28, 28) },
    ({ images }) => ({ outputs: { disturbed: disturb(halve(images)) } }),
    { seed },
  );
  return { model, forCode, forClasses, pretrain, classify, predict, reconstruct, sample };
}
