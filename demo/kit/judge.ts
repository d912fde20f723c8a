// A classifier of digits that judges generated ones: its features and probabilities stand in for those of Inception-v3.
import {
  compile,
  f32,
  grad,
  i32,
  metrics,
  nn,
  optim,
  softmax,
  type Device,
  type TypedArray,
} from 'chainrule';
import type { TrainerContext } from '../contract.ts';
import { Batches, CLASSES, PIXELS, spread, toFloats, type Pixels } from './digits.ts';
import type { Digits } from './mnist.ts';

/** Width of the features, the last hidden layer. */
const FEATURES = 32;
/** Enough to read nine of ten digits. */
const [STEPS, BATCH] = [80, 128];
const REPORT_EVERY = 10;
/** Real digits whose features are known. */
const REAL = 1000;
/** Digits in a step of judging. */
const JUDGED = 500;

export interface Judgement {
  /** Fréchet distance of the features from those of held-out digits; 0 for as good as real. */
  readonly fid: number;
  /** From 1 (unclear, or all alike) to 10 (clear, and all classes equally often). */
  readonly inceptionScore: number;
}

/** Judges images in [0, 1], a multiple of 500 of them. */
export type Judge = (images: Pixels) => Promise<Judgement>;

/** Weights after training: a network that is built anew finds them here. */
let trained: ReadonlyMap<string, TypedArray> | undefined;

/** Train a judge, the first time. */
export async function openJudge(
  { device, onProgress }: Pick<TrainerContext<unknown, unknown>, 'device' | 'onProgress'>,
  digits: { readonly train: Digits; readonly test: Digits },
): Promise<Judge> {
  const body = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(PIXELS, 64),
    new nn.ReLU(),
    new nn.Linear(64, FEATURES),
    new nn.ReLU(),
  );
  const head = new nn.Linear(FEATURES, CLASSES);
  const model = new nn.Sequential(body, head);
  const look = await compile(device, { x: f32(JUDGED, PIXELS) }, ({ x }) => {
    const features = body.forward(x);
    return { outputs: { features, probabilities: softmax(head.forward(features)) } };
  });
  if (trained) await model.writeState(device, trained);
  else {
    await train(device, model, digits.train, (done) => onProgress(done, STEPS, 'Training its judge'));
    trained = await model.readState(device);
  }

  async function judged(images: Pixels): Promise<{ features: number[]; probabilities: number[] }> {
    const [features, probabilities]: [number[], number[]] = [[], []];
    for (let i = 0; i < images.length; i += JUDGED * PIXELS) {
      const seen = await look({ x: images.slice(i, i + JUDGED * PIXELS) });
      features.push(...((await seen.features.data()) as Float32Array));
      probabilities.push(...((await seen.probabilities.data()) as Float32Array));
    }
    return { features, probabilities };
  }

  const real = await judged(toFloats(digits.test, spread(digits.test, REAL)));
  const expected = metrics.featureStatistics(real.features, FEATURES);
  return async (images) => {
    if (images.some(Number.isNaN)) return { fid: NaN, inceptionScore: NaN }; // it diverged
    const { features, probabilities } = await judged(images);
    return {
      fid: metrics.frechetDistance(metrics.featureStatistics(features, FEATURES), expected),
      inceptionScore: metrics.inceptionScore(probabilities, CLASSES).mean,
    };
  };
}

async function train(
  device: Device,
  model: nn.Module,
  digits: Digits,
  onStep: (done: number) => void,
): Promise<void> {
  const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(0.01, STEPS) });
  const step = await compile(device, { x: f32(BATCH, 28, 28), y: i32(BATCH) }, ({ x, y }) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const batches = new Batches(digits, 0);
  for (let done = 1; done <= STEPS; done++) {
    const { loss } = await step(batches.next(BATCH));
    if (done % REPORT_EVERY > 0) continue;
    await loss.item();
    onStep(done);
  }
  step.release();
}
