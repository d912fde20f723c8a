import { HostRandom } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { Batches, PIXELS, spread, toFloats, type Pixels } from '../../kit/digits.ts';
import { loadMnist } from '../../kit/mnist.ts';
import { SAMPLES } from './extent.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

/** A digit on its way through the network. */
export interface Passage {
  /** The digit, with noise if there is any. */
  readonly given: Pixels;
  readonly code: Float32Array;
  readonly back: Pixels;
  /** Mean squared error of `back` from the digit without noise. */
  readonly error: number;
}

export interface View {
  /** SAMPLES held-out digits. */
  readonly samples: Pixels;
  /** The same with noise; null without any. */
  readonly noisy: Pixels | null;
  /** What comes back of each of them. */
  readonly reconstructions: Pixels;
  /** The drawn or chosen digit, or else the first sample. */
  readonly watched: Passage;
  /** [n, 2]: codes of held-out digits, where the code is a place in the plane. */
  readonly codes: Float32Array | null;
  readonly labels: Uint8Array;
}

export interface Inputs {
  readonly watched: Pixels | null;
}

const TESTED = 1000;
const TEST_BATCH = 500;

/**
 * The least that a linear autoencoder leaves of the tested digits, by the size of the code: that of their principal
 * components, by `pcaError` of examples/kit/pca.ts. Finding it takes longer than it takes to train.
 */
const PCA_ERROR: Readonly<Record<number, number>> = {
  2: 0.0552,
  4: 0.0476,
  8: 0.0369,
  16: 0.0263,
  32: 0.016,
  64: 0.0082,
};

export default defineTrainer<typeof meta, View, Inputs>(async (context) => {
  const { device, inputs, settings } = context;
  const digits = await loadMnist(context);
  const { model, optimizer, train, reconstruct } = await build(device, settings);
  let batches = new Batches(digits.train, settings.seed);
  const samples = toFloats(digits.test, spread(digits.test, SAMPLES));
  const testedRows = spread(digits.test, TESTED);
  const tested = [0, TEST_BATCH].map((i) => toFloats(digits.test, testedRows.slice(i, i + TEST_BATCH)));
  const labels = Uint8Array.from(testedRows.slice(0, TEST_BATCH), (row) => digits.test.labels[row]!);
  const random = new HostRandom(settings.seed, 'noise of samples');
  const epsilon = Float32Array.from(samples, () => random.normal());

  const withNoise = (x: Pixels) => x.map((ink, i) => ink + settings.noise * epsilon[i]!);

  async function pass(x: Pixels): Promise<{ code: Float32Array; back: Pixels }> {
    const { z, back } = await reconstruct({ x });
    const [code, pixels] = await Promise.all([z.data(), back.data()]);
    return { code: code as Float32Array, back: pixels as Pixels };
  }

  async function lookAtWatched(): Promise<Pick<View, 'watched'>> {
    const digit = inputs.watched ?? samples.slice(0, PIXELS);
    const given = withNoise(digit);
    const { code, back } = await pass(given);
    return { watched: { given, code, back, error: meanSquaredError(back, digit) } };
  }

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train: () => train({ images: batches.next(settings.batch).x, noise: Float32Array.of(settings.noise) }),

    async evaluate() {
      let error = 0;
      for (const x of tested) error += meanSquaredError((await pass(x)).back, x) / tested.length;
      return { error, pca: PCA_ERROR[settings.code]! };
    },

    async look(changed) {
      if (changed === 'watched') return lookAtWatched();
      const given = withNoise(samples);
      const { back: reconstructions } = await pass(given);
      const noisy = settings.noise > 0 ? given : null;
      const codes = settings.code === 2 ? (await pass(tested[0]!)).code : null;
      return { samples, noisy, reconstructions, codes, labels, ...(await lookAtWatched()) };
    },

    restart() {
      batches = new Batches(digits.train, settings.seed);
    },
  };
});

function meanSquaredError(a: Pixels, b: Pixels): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length;
}
