import { HostRandom, metrics } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { argmax } from '../../kit/argmax.ts';
import { Batches, CLASSES, PIXELS, spread, subset, toFloats, type Pixels } from '../../kit/digits.ts';
import { loadMnist } from '../../kit/mnist.ts';
import { LABELS, SAMPLES } from './extent.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

/** One value for each number of labels, of the classifiers of pixels and of those of codes. */
export interface Both {
  readonly pixels: readonly number[];
  readonly code: readonly number[];
}

export interface View {
  /** Steps of the autoencoder so far, and of the classifiers. */
  readonly done: { readonly autoencoder: number; readonly classifiers: number };
  readonly pretraining: number;
  /** SAMPLES held-out digits. */
  readonly samples: Pixels;
  /** [SAMPLES, 14, 14]: the same, disturbed; and what comes back of that. */
  readonly disturbed: Float32Array;
  readonly back: Float32Array;
  /** Accuracies; null before the classifiers learn. */
  readonly accuracies: Both | null;
  /** What the watched digit is read as; null without one, and before the classifiers learn. */
  readonly readings: Both | null;
}

export interface Inputs {
  readonly watched: Pixels | null;
}

const TESTED = 1000;
const TEST_BATCH = 500;

export default defineTrainer<typeof meta, View, Inputs>(async (context) => {
  const { device, inputs, settings } = context;
  const digits = await loadMnist(context);
  const network = await build(device, settings, LABELS.length);
  const { model, forCode, forClasses, pretrain, classify, predict, reconstruct } = network;
  const order = new HostRandom(settings.seed, 'labelled digits').permutation(digits.train.labels.length);
  const labelled = LABELS.map((count) => subset(digits.train, order.subarray(0, count)));
  let [unlabelled, sets] = newBatches();
  let accuracies: Both | null = null;

  const samples = toFloats(digits.test, spread(digits.test, SAMPLES));
  const disturbed = await floats((await network.sample({ images: samples })).disturbed);
  const testedRows = spread(digits.test, TESTED);
  const tested = [0, TEST_BATCH].map((start) => {
    const rows = testedRows.slice(start, start + TEST_BATCH);
    return {
      images: toFloats(digits.test, rows),
      labels: Int32Array.from(rows, (row) => digits.test.labels[row]!),
    };
  });

  function newBatches() {
    const { seed } = settings;
    return [new Batches(digits.train, seed), labelled.map((few) => new Batches(few, seed))] as const;
  }
  const isPretraining = () => forCode.steps < settings.pretraining;

  /** The scores [n, classes] of each classifier. */
  async function scores(images: Float32Array): Promise<{ pixels: Float32Array[]; code: Float32Array[] }> {
    const { pixels, code } = await predict({ images });
    const size = (images.length / PIXELS) * CLASSES;
    const split = (all: Float32Array) => LABELS.map((_, k) => all.subarray(k * size, (k + 1) * size));
    return { pixels: split(await floats(pixels)), code: split(await floats(code)) };
  }

  async function lookAtWatched(): Promise<Pick<View, 'readings'>> {
    if (!inputs.watched || isPretraining()) return { readings: null };
    const { code, pixels } = await scores(inputs.watched);
    return { readings: { pixels: pixels.map(argmax), code: code.map(argmax) } };
  }

  return {
    model,
    optimizers: [forCode, forClasses],
    steps: [pretrain, classify],

    train() {
      if (isPretraining()) return pretrain({ images: unlabelled.next(settings.batch).x });
      const rows = LABELS.length * settings.batch;
      const batch = { images: new Float32Array(rows * PIXELS), y: new Int32Array(rows) };
      for (const [k, batches] of sets.entries()) {
        const { x, y } = batches.next(settings.batch);
        batch.images.set(x, k * x.length);
        batch.y.set(y, k * y.length);
      }
      return classify(batch);
    },

    async evaluate() {
      if (isPretraining()) return {};
      const [pixels, code] = [LABELS.map(() => 0), LABELS.map(() => 0)];
      for (const { images, labels } of tested) {
        const answers = await scores(images);
        for (const k of LABELS.keys()) {
          pixels[k]! += metrics.accuracy(answers.pixels[k]!, labels) / tested.length;
          code[k]! += metrics.accuracy(answers.code[k]!, labels) / tested.length;
        }
      }
      accuracies = { pixels, code };
      return { pixels100: pixels[1]!, code100: code[1]! };
    },

    async look(changed) {
      if (changed === 'watched') return lookAtWatched();
      const { pretraining } = settings;
      return {
        done: { autoencoder: Math.min(forCode.steps, pretraining), classifiers: forClasses.steps },
        pretraining,
        samples,
        disturbed,
        back: await floats((await reconstruct({ disturbed })).back),
        accuracies,
        ...(await lookAtWatched()),
      };
    },

    restart() {
      [unlabelled, sets] = newBatches();
      accuracies = null;
    },
  };
});

const floats = async (value: { data(): Promise<unknown> }) => (await value.data()) as Float32Array;
