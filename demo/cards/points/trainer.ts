import { data, HostRandom, metrics } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { gridPoints, type Points } from '../../kit/points.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

export interface View {
  /** What it trains on, the reader's own points included. */
  readonly points: Points;
  /** Probability of class 1 on a grid of GRID × GRID points. */
  readonly field: Float32Array;
}

export interface Inputs {
  readonly own: Points;
}

const GRID = 64;
const ROWS = 300;

export default defineTrainer<typeof meta, View, Inputs>(async ({ device, inputs, settings }) => {
  const { model, optimizer, train, predict } = await build(device, settings);
  const generated = generate(settings.data, settings.seed);
  const heldOut = generate(settings.data, settings.seed + 1);
  const grid = gridPoints(GRID);
  let random = new HostRandom(settings.seed, 'batches');

  const all = (): Points =>
    inputs.own
      ? { x: join(Float32Array, generated.x, inputs.own.x), y: join(Int32Array, generated.y, inputs.own.y) }
      : generated;

  async function probabilities(x: Float32Array): Promise<Float32Array> {
    return (await (await predict({ x })).p.data()) as Float32Array;
  }

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train() {
      const { x, y } = all();
      const rows = Array.from({ length: settings.batch }, () => Math.floor(random.uniform() * y.length));
      return train({
        x: Float32Array.from(rows.flatMap((row) => [x[2 * row]!, x[2 * row + 1]!])),
        y: Int32Array.from(rows, (row) => y[row]!),
      });
    },

    async evaluate() {
      const seen = all();
      return {
        trainAccuracy: metrics.accuracy(await probabilities(seen.x), seen.y),
        testAccuracy: metrics.accuracy(await probabilities(heldOut.x), heldOut.y),
      };
    },

    async look() {
      const p = await probabilities(grid);
      return { points: all(), field: Float32Array.from({ length: GRID * GRID }, (_, i) => p[2 * i + 1]!) };
    },

    restart() {
      random = new HostRandom(settings.seed, 'batches');
    },
  };
});

function generate(kind: 'spiral' | 'moons' | 'circles' | 'xor', seed: number): Points {
  if (kind === 'xor') return xor(seed);
  const options = { rows: ROWS, seed };
  const { x, label } = {
    spiral: () => data.spirals({ ...options, noise: 0.025 }),
    moons: () => data.moons({ ...options, noise: 0.12 }),
    circles: () => data.circles({ ...options, noise: 0.08 }),
  }[kind]().columns;
  // moons are 3 wide and 1.5 high, around (0.5, 0.25)
  const [scale, shiftX, shiftY] = { spiral: [0.9, 0, 0], moons: [0.55, 0.5, 0.25], circles: [0.75, 0, 0] }[
    kind
  ] as [number, number, number];
  return { x: x.map((value, i) => scale * (value - (i % 2 === 0 ? shiftX : shiftY))), y: label };
}

/** Class 1 where the signs of both coordinates differ. */
function xor(seed: number): Points {
  const random = new HostRandom(seed, 'xor');
  const x = Float32Array.from({ length: 2 * ROWS }, () => {
    const u = 1.8 * random.uniform() - 0.9;
    return u + 0.06 * Math.sign(u);
  });
  return { x, y: Int32Array.from({ length: ROWS }, (_, i) => Number(x[2 * i]! * x[2 * i + 1]! < 0)) };
}

function join<A extends Float32Array | Int32Array>(Type: new (size: number) => A, a: A, b: A): A {
  const joined = new Type(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
