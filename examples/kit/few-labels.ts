import { compile, type Device, f32, grad, i32, metrics, nn, optim, type TypedArray } from 'chainrule';
import type { Digits } from './mnist.ts';
import { fit, predict } from './train.ts';

/** What an encoder gives for an image. */
export const WIDTH = 64;

/** f: images [n, 1, 14, 14] → [n, 64], each of mean 0 and variance 1 over a batch. */
export const encoder = (): nn.Module =>
  new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(14 * 14, 256),
    new nn.ReLU(),
    new nn.Linear(256, WIDTH),
    new nn.BatchNorm1d(WIDTH, { affine: false }),
  );

export interface FewLabels {
  device: Device;
  train: Digits;
  test: Digits;
  seed: number;
  /** Labelled digits that are drawn from `train`; default 100. */
  labels?: number;
  /** How often; default 3. */
  draws?: number;
  /** Training steps for each draw; default 120. */
  steps?: number;
}

const [BATCH, TESTED] = [50, 1000];

/**
 * What pre-training is worth: test accuracy of an `encoder` with a linear head after both have learned from few labels, as a
 * mean over several draws of them.
 *
 * @param weights the encoder's state to start from; null for a new encoder, from the same draws
 */
export async function fewLabelAccuracy(
  { device, train, test, seed, labels = 100, draws = 3, steps = 120 }: FewLabels,
  weights: ReadonlyMap<string, TypedArray> | null,
): Promise<number> {
  let total = 0;
  for (let draw = 0; draw < draws; draw++) {
    const own = 1000 * seed + draw;
    const body = encoder();
    const model = new nn.Sequential(body, new nn.Linear(WIDTH, 10));
    const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3 });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 14, 14), y: i32(BATCH) },
      ({ x, y }) => {
        const loss = nn.crossEntropy(model.train().forward(x), y);
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed: own },
    );
    if (weights) await body.writeState(device, weights);
    const labelled = train.bootstrap({ seed: own, rows: labels });
    await fit(step, labelled, { batch: BATCH, steps, seed: own, log() {} });
    step.release();
    const signature = { x: f32(TESTED, 1, 14, 14) };
    const scores = await predict(device, signature, ({ x }) => model.eval().forward(x), test);
    total += metrics.accuracy(scores, test.columns.y);
  }
  return total / draws;
}
