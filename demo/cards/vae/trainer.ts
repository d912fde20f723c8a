import { defineTrainer } from '../../contract.ts';
import { Batches, spread, toFloats, type Pixels } from '../../kit/digits.ts';
import { loadMnist } from '../../kit/mnist.ts';
import { REACH, SAMPLES, TILES } from './extent.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

/** What covers the plane: what the decoder makes of its places, or where the encoder puts held-out digits. */
export type Layer = 'decoded' | 'encoded';

export interface View {
  /** SAMPLES held-out digits. */
  readonly samples: Pixels;
  /** What comes back of each of them. */
  readonly reconstructions: Pixels;
  /** [SAMPLES, 2]: their codes. */
  readonly sampleCodes: Float32Array;
  /** TILES × TILES digits, row by row from the top left of the plane; null when dots are shown. */
  readonly tiles: Pixels | null;
  /** [n, 2]: codes of held-out digits; null when tiles are shown. */
  readonly codes: Float32Array | null;
  readonly labels: Uint8Array;
  /** The digit at the chosen place. */
  readonly decoded: Pixels;
}

export interface Inputs {
  /** The chosen place. */
  readonly z: Float32Array;
  readonly layer: Layer;
}

const DOTS = 500;

export default defineTrainer<typeof meta, View, Inputs>(async (context) => {
  const { device, inputs, settings } = context;
  const digits = await loadMnist(context);
  const { model, optimizer, train, encode, decode } = await build(device, settings);
  let batches = new Batches(digits.train, settings.seed);
  const samples = toFloats(digits.test, spread(digits.test, SAMPLES));
  const dotted = spread(digits.test, DOTS);
  const labels = Uint8Array.from(dotted, (row) => digits.test.labels[row]!);
  const dots = toFloats(digits.test, dotted);
  const grid = gridCodes();

  const codesOf = async (images: Float32Array) =>
    (await (await encode({ images })).mu.data()) as Float32Array;
  const imagesOf = async (z: Float32Array) => (await (await decode({ z })).x.data()) as Float32Array;

  async function lookAtPoint(): Promise<Pick<View, 'decoded'>> {
    return { decoded: await imagesOf(inputs.z ?? new Float32Array(2)) };
  }
  async function lookAtPlane(): Promise<Pick<View, 'tiles' | 'codes' | 'labels'>> {
    return inputs.layer === 'encoded'
      ? { tiles: null, codes: await codesOf(dots), labels }
      : { tiles: await imagesOf(grid), codes: null, labels };
  }

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train: () => train({ images: batches.next(settings.batch).x, beta: Float32Array.of(settings.beta) }),

    async look(changed) {
      if (changed === 'z') return lookAtPoint();
      if (changed === 'layer') return lookAtPlane();
      const sampleCodes = await codesOf(samples);
      const reconstructions = await imagesOf(sampleCodes);
      return { samples, sampleCodes, reconstructions, ...(await lookAtPoint()), ...(await lookAtPlane()) };
    },

    restart() {
      batches = new Batches(digits.train, settings.seed);
    },
  };
});

/** The middles of the tiles. */
function gridCodes(): Float32Array {
  const middle = (i: number) => REACH * ((2 * i + 1) / TILES - 1);
  return Float32Array.from({ length: 2 * TILES * TILES }, (_, i) => {
    const tile = i >> 1;
    return i % 2 === 0 ? middle(tile % TILES) : -middle(Math.floor(tile / TILES));
  });
}
