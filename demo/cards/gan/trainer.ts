import { HostRandom } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { Batches, PIXELS, type Pixels } from '../../kit/digits.ts';
import { openJudge } from '../../kit/judge.ts';
import { loadMnist } from '../../kit/mnist.ts';
import { KEPT, SAMPLES } from './extent.ts';
import type meta from './meta.ts';
import { build } from './model.ts';
import { Snapshots, type Snapshot } from './snapshots.ts';

export interface View {
  /** SAMPLES digits, of the same noise all the time. */
  readonly samples: Pixels;
  /** The first KEPT of them at earlier steps; only when there is another one. */
  readonly snapshots: readonly Snapshot[];
  /** The digit on the way from one sample to another. */
  readonly between: Pixels;
}

/** A place on the way between two samples. */
export interface Between {
  readonly from: number;
  readonly to: number;
  /** From 0 to 1. */
  readonly share: number;
}

export interface Inputs {
  readonly between: Between;
}

/** Samples that are judged. */
const JUDGED = 500;

export default defineTrainer<typeof meta, View, Inputs>(async (context) => {
  const { device, inputs, settings } = context;
  const digits = await loadMnist(context);
  const judge = await openJudge(context, digits);
  const { gan, forD, forG, train, generate } = await build(device, settings);
  const { latents } = settings;
  let batches = new Batches(digits.train, settings.seed);
  let snapshots = new Snapshots();
  const noise = normals(SAMPLES * latents, 'samples');
  const judgedNoise = normals(JUDGED * latents, 'judged samples');

  function normals(count: number, stream: string): Float32Array {
    const random = new HostRandom(settings.seed, stream);
    return Float32Array.from({ length: count }, () => random.normal());
  }
  const imagesOf = async (z: Float32Array) => (await (await generate({ z })).x.data()) as Pixels;

  async function lookBetween(): Promise<Pick<View, 'between'>> {
    const { from, share, to } = inputs.between ?? { from: 0, to: 0, share: 1 };
    return { between: await imagesOf(mix(noiseOf(from), noiseOf(to), share)) };
  }
  const noiseOf = (sample: number) => noise.subarray(sample * latents, (sample + 1) * latents);

  return {
    model: gan,
    optimizers: [forD, forG],
    steps: [train],

    train: () => train({ images: batches.next(settings.batch).x }),

    evaluate: async () => ({ ...(await judge(await imagesOf(judgedNoise))) }),

    async look(changed) {
      if (changed === 'between') return lookBetween();
      const samples = await imagesOf(noise);
      const isKept = snapshots.offer({ step: forG.steps, images: samples.slice(0, KEPT * PIXELS) });
      return {
        samples,
        ...(isKept ? { snapshots: snapshots.list } : {}),
        ...(await lookBetween()),
      };
    },

    restart() {
      batches = new Batches(digits.train, settings.seed);
      snapshots = new Snapshots();
    },
  };
});

/** cos θ a + sin θ b: noise of N(0, I) all the way, which on a straight line it would not be. */
function mix(a: Float32Array, b: Float32Array, share: number): Float32Array {
  const theta = (share * Math.PI) / 2;
  return a.map((value, i) => Math.cos(theta) * value + Math.sin(theta) * b[i]!);
}
