// What generative families share: binary pixels, and a classifier of digits that judges generated ones: its features and probabilities stand in for Inception-v3's.
import {
  cast,
  compile,
  concat,
  data,
  type Device,
  f32,
  grad,
  i32,
  lt,
  metrics,
  nn,
  optim,
  softmax,
  type Tensor,
  uniform,
} from 'chainrule';
import type { Digits } from './mnist.ts';
import { fit, predict } from './train.ts';

/** Width of the features, the last hidden layer. */
const FEATURES = 32;
const CLASSES = 10;
const BATCH = 100;
/** Images in a step of judging. */
const JUDGED = 500;

export interface Judgement {
  /** Fréchet distance of the features from those of real digits; 0 for as good as real (notes 9.3.4). */
  readonly fid: number;
  /** From 1 (unclear, or all alike) to 10 (clear, and all classes equally often; notes 9.3.3). */
  readonly inceptionScore: number;
}

/** A pixel is ink with the probability that its grey says, drawn anew at each step: binarised MNIST. */
export const binarize = (x: Tensor): Tensor => cast(lt(uniform(x.shape), x), 'f32');

/**
 * Train the judge on `train`.
 *
 * @param real digits to compare with
 * @param steps default 300; a short form that only compares distances makes do with fewer
 * @returns judges generated images [n, 784], n a multiple of 500, with values in [0, 1]
 */
export async function trainJudge(
  device: Device,
  train: Digits,
  real: data.Dataset<{ x: Float32Array }>,
  seed: number,
  steps = 300,
): Promise<(images: Float32Array) => Promise<Judgement>> {
  const body = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, 128),
    new nn.ReLU(),
    new nn.Linear(128, FEATURES),
    new nn.ReLU(),
  );
  const head = new nn.Linear(FEATURES, CLASSES);
  const judge = new nn.Sequential(body, head);
  const optimizer = new optim.Adam(judge.parameters(), { lr: optim.cosine(3e-3, steps) });
  const step = await compile(
    device,
    { x: f32(BATCH, 1, 28, 28), y: i32(BATCH) },
    ({ x, y }) => {
      const loss = nn.crossEntropy(judge.forward(x), y);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    { seed },
  );
  await fit(step, train, { batch: BATCH, steps, seed, log: () => {} });
  step.release();

  /** Features and probabilities of each image. */
  const judged = async (x: Float32Array) => {
    const set = new data.Dataset({ x }, { x: [1, 28, 28] });
    const both = await predict(
      device,
      { x: f32(JUDGED, 1, 28, 28) },
      (input) => {
        const features = body.forward(input.x);
        return concat([features, softmax(head.forward(features))], -1);
      },
      set,
    );
    const width = FEATURES + CLASSES;
    const part = (from: number, to: number) => both.filter((_, i) => i % width >= from && i % width < to);
    return { features: part(0, FEATURES), probabilities: part(FEATURES, width) };
  };
  const expected = metrics.featureStatistics((await judged(real.columns.x)).features, FEATURES);
  return async (images) => {
    const { features, probabilities } = await judged(images);
    return {
      fid: metrics.frechetDistance(metrics.featureStatistics(features, FEATURES), expected),
      inceptionScore: metrics.inceptionScore(probabilities, CLASSES).mean,
    };
  };
}
