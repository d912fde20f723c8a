import { data, type Value } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { gridPoints, type Points } from '../../kit/points.ts';
import { NAMES, type Method } from './methods.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

/** What came of one method. */
export interface Outcome {
  /** Probability of class 1 on a grid of GRID × GRID points. */
  readonly field: Float32Array;
  /** Accuracies. */
  readonly learned: number;
  readonly heldOut: number;
  /** Of its weights. */
  readonly norm: number;
  readonly nearZero: number;
}

export interface View {
  readonly outcomes: Readonly<Record<Method, Outcome>>;
  readonly learned: Points;
  readonly heldOut: Points;
}

const GRID = 48;
const [VALIDATED, TESTED] = [100, 500];
/** Held-out points that a picture has room for. */
const SHOWN = 150;

export default defineTrainer<typeof meta, View, Record<string, never>>(async ({ device, settings }) => {
  const { model, optimizer, train, predict, inspect } = await build(device, settings);
  const { noise, samples, seed } = settings;
  const [learned, validated, tested] = [samples, VALIDATED, TESTED].map((rows, part) =>
    moons(rows, 3 * seed + part, noise),
  ) as [Points, Points, Points];
  const grid = gridPoints(GRID);
  const floats = async (value: Value) => (await value.data()) as Float32Array;

  /** [6, n]: probability of class 1 by every network. */
  const probabilities = async (x: Float32Array) => byMethod(await floats((await predict({ x })).p));
  async function accuracies({ x, y }: Points): Promise<Record<Method, number>> {
    const p = await probabilities(x);
    return forEach((method) => {
      const right = y.filter((label, i) => p[method][i]! > 0.5 === (label === 1));
      return right.length / y.length;
    });
  }

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train: () =>
      train({
        x: learned.x,
        y: Float32Array.from(learned.y),
        vx: validated.x,
        vy: Float32Array.from(validated.y),
        lambda: Float32Array.of(settings.lambda),
      }),

    async evaluate() {
      const accuracy = await accuracies(tested);
      return Object.fromEntries(NAMES.map((method) => [`${method}Accuracy`, accuracy[method]]));
    },

    async look() {
      const fields = await probabilities(grid);
      const [onLearned, onTested] = [await accuracies(learned), await accuracies(tested)];
      const { norms, nearZero } = await inspect({});
      const [norm, share] = [byMethod(await floats(norms)), byMethod(await floats(nearZero))];
      return {
        outcomes: forEach((method) => ({
          field: fields[method],
          learned: onLearned[method],
          heldOut: onTested[method],
          norm: norm[method][0]!,
          nearZero: share[method][0]!,
        })),
        learned,
        heldOut: { x: tested.x.subarray(0, 2 * SHOWN), y: tested.y.subarray(0, SHOWN) },
      };
    },
  };
});

const forEach = <T>(make: (method: Method, at: number) => T) =>
  Object.fromEntries(NAMES.map((method, at) => [method, make(method, at)])) as Record<Method, T>;

/** The rows of an array [6, n]. */
function byMethod(values: Float32Array): Record<Method, Float32Array> {
  const n = values.length / NAMES.length;
  return forEach((_, at) => values.subarray(at * n, (at + 1) * n));
}

/** Two half moons within [−1, 1]². */
function moons(rows: number, seed: number, noise: number): Points {
  const { x, label } = data.moons({ rows, seed, noise }).columns;
  // they are 3 wide and 1.5 high, around (0.5, 0.25)
  return { x: x.map((value, i) => 0.5 * (value - (i % 2 === 0 ? 0.5 : 0.25))), y: label };
}
