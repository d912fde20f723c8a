import { ArgumentError, HostRandom } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { PLACES } from './extent.ts';
import type meta from './meta.ts';
import { build, mostPieces } from './model.ts';

type Preset = 'sine' | 'step' | 'noise';

/** A curve of the reader's own: it was drawn over a preset, and goes when another is chosen. */
export interface Drawn {
  readonly over: Preset;
  /** [PLACES], in [−1, 1]: y at places spread evenly over x in [−1, 1]. */
  readonly y: Float32Array;
}

export interface View {
  readonly preset: Preset;
  /** [PLACES]: the curve that it learns. */
  readonly target: Float32Array;
  /** [pieces + 1, 2]: x and y where the pieces of f begin, and where the last one ends; empty when f is not finite. */
  readonly joints: Float32Array;
  /** The most pieces that such a network can have. */
  readonly most: number;
}

export interface Inputs {
  readonly drawn: Drawn | null;
}

const KNOTS = 13;

export default defineTrainer<typeof meta, View, Inputs>(async ({ device, inputs, settings }) => {
  const { model, optimizer, train, pieces } = await build(device, settings);
  const preset = presetCurve(settings.curve, settings.seed);
  let random = new HostRandom(settings.seed, 'batches');

  const target = () => (inputs.drawn?.over === settings.curve ? inputs.drawn.y : preset);

  async function joints(): Promise<Float32Array> {
    try {
      const found = await pieces([-1, 1]);
      const ends = [...found.map((piece) => ({ piece, x: piece.from })), { piece: found.at(-1)!, x: 1 }];
      return Float32Array.from(ends.flatMap(({ piece, x }) => [x, piece.slopes[0]! * x + piece.offsets[0]!]));
    } catch (error) {
      if (error instanceof ArgumentError) return new Float32Array(); // weights that are not finite
      throw error;
    }
  }

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train() {
      const x = Float32Array.from({ length: settings.batch }, () => 2 * random.uniform() - 1);
      const curve = target();
      return train({ x, y: x.map((at) => between(curve, at)) });
    },

    async evaluate() {
      const { length } = await joints();
      return { pieces: length > 0 ? length / 2 - 1 : NaN };
    },

    async look() {
      return {
        preset: settings.curve,
        target: target(),
        joints: await joints(),
        most: mostPieces(settings.width, settings.depth),
      };
    },

    restart() {
      random = new HostRandom(settings.seed, 'batches');
    },
  };
});

function presetCurve(preset: Preset, seed: number): Float32Array {
  const random = new HostRandom(seed, 'noise');
  const knots = Float32Array.from({ length: KNOTS }, () => 1.6 * random.uniform() - 0.8);
  const f = {
    sine: (x: number) => 0.75 * Math.sin(1.5 * Math.PI * x),
    step: (x: number) => (x < -0.4 ? -0.6 : x < 0.3 ? 0.7 : -0.1),
    noise: (x: number) => between(knots, x),
  }[preset];
  return Float32Array.from({ length: PLACES }, (_, i) => f((2 * i) / (PLACES - 1) - 1));
}

/** Linear between values that are spread evenly over x in [−1, 1]. */
function between(values: Float32Array, x: number): number {
  const at = ((x + 1) / 2) * (values.length - 1);
  const left = Math.min(values.length - 2, Math.floor(at));
  return values[left]! + (at - left) * (values[left + 1]! - values[left]!);
}
