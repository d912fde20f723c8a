import { metrics, type Value } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { Batches, CLASSES, spread, toFloats } from '../../kit/digits.ts';
import { loadMnist } from '../../kit/mnist.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

export interface View {
  /** [K + 1]: the norm of ∂L/∂h_k, for k from 0 to K. */
  readonly plain: Float32Array;
  readonly residual: Float32Array;
}

/** Held-out digits whose loss is followed down. */
const WATCHED = 64;
const TESTED = 500;

export default defineTrainer<typeof meta, View, Record<string, never>>(async (context) => {
  const { device, settings } = context;
  const { train: digits, test } = await loadMnist(context);
  const { model, optimizer, train, inspect, predict } = await build(device, settings);
  let batches = new Batches(digits, settings.seed);
  const heldOut = (count: number) => {
    const rows = spread(test, count);
    return { x: toFloats(test, rows), y: Int32Array.from(rows, (row) => test.labels[row]!) };
  };
  const [watched, tested] = [heldOut(WATCHED), heldOut(TESTED)];
  const floats = async (value: Value) => (await value.data()) as Float32Array;

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train: () => train(batches.next(settings.batch)),

    async evaluate() {
      const z = await floats((await predict({ x: tested.x })).z);
      const half = TESTED * CLASSES;
      return {
        plainAccuracy: metrics.accuracy(z.subarray(0, half), tested.y),
        residualAccuracy: metrics.accuracy(z.subarray(half), tested.y),
      };
    },

    async look() {
      const { plain, residual } = await inspect(watched);
      return { plain: await floats(plain), residual: await floats(residual) };
    },

    restart() {
      batches = new Batches(digits, settings.seed);
    },
  };
});
