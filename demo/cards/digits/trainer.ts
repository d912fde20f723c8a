import { metrics } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { Batches, PIXELS, spread, toFloats, type Pixels } from '../../kit/digits.ts';
import { loadMnist } from '../../kit/mnist.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

/** A held-out digit that the page shows, and what it is. */
export interface Sample {
  readonly pixels: Pixels;
  readonly label: number;
}

export interface View {
  readonly samples: readonly Sample[];
  /** Class probabilities of all samples, 10 each. */
  readonly predictions: Float32Array;
  /** Class probabilities of the watched digit; null without one. */
  readonly watched: Float32Array | null;
  /** [channels, side, side]: what the first filters make of the watched digit, or else of the first sample. */
  readonly maps: Float32Array | null;
  /** Of all held-out digits, and the step that it was counted at; null before. */
  readonly test: { readonly accuracy: number; readonly step: number } | null;
}

export interface Inputs {
  readonly watched: Pixels | null;
  /** Grows when all held-out digits are to be read. */
  readonly tests: number;
}

const SAMPLES = 48;
const TESTED = 1000;
const TEST_BATCH = 250;

export default defineTrainer<typeof meta, View, Inputs>(async (context) => {
  const { device, inputs, settings } = context;
  const digits = await loadMnist(context);
  const { model, optimizer, train, predict, features } = await build(device, settings);
  let batches = new Batches(digits.train, settings.seed);
  let samplesShown = false;
  const shown = spread(digits.test, SAMPLES);
  const pixels = toFloats(digits.test, shown);
  const tested = spread(digits.test, TESTED);
  const all = [...digits.test.labels.keys()];
  let test: View['test'] = null;

  async function probabilities(x: Float32Array): Promise<Float32Array> {
    return (await (await predict({ x })).p.data()) as Float32Array;
  }

  async function accuracyOf(rows: readonly number[]): Promise<number> {
    let right = 0;
    for (let i = 0; i < rows.length; i += TEST_BATCH) {
      const part = rows.slice(i, i + TEST_BATCH);
      const labels = Int32Array.from(part, (row) => digits.test.labels[row]!);
      right += TEST_BATCH * metrics.accuracy(await probabilities(toFloats(digits.test, part)), labels);
    }
    return right / rows.length;
  }

  async function lookAtWatched(): Promise<Pick<View, 'watched' | 'maps'>> {
    const watched = inputs.watched ? await probabilities(inputs.watched) : null;
    if (!features) return { watched, maps: null };
    const { maps } = await features({ x: inputs.watched ?? pixels.slice(0, PIXELS) });
    return { watched, maps: (await maps.data()) as Float32Array };
  }

  function samples(): Pick<View, 'samples'> | null {
    if (samplesShown) return null;
    samplesShown = true;
    const at = (i: number) => pixels.slice(i * PIXELS, (i + 1) * PIXELS);
    return { samples: shown.map((row, i) => ({ pixels: at(i), label: digits.test.labels[row]! })) };
  }

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train: () => train(batches.next(settings.batch)),

    evaluate: async () => ({ accuracy: await accuracyOf(tested) }),

    async look(changed) {
      if (changed === 'watched') return lookAtWatched();
      if (changed === 'tests') test = { accuracy: await accuracyOf(all), step: optimizer.steps };
      return { ...samples(), test, predictions: await probabilities(pixels), ...(await lookAtWatched()) };
    },

    restart() {
      batches = new Batches(digits.train, settings.seed);
      test = null;
    },
  };
});
