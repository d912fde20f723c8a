import type { Value } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { INPUTS } from './extent.ts';
import type meta from './meta.ts';
import { build } from './model.ts';

/** Layer l, by its neurons j; weights are row by row: w_ji at j · n + i, with n neurons i below. */
export interface Layer {
  readonly z: Float32Array;
  readonly h: Float32Array;
  readonly delta: Float32Array;
  readonly w: Float32Array;
  readonly b: Float32Array;
  readonly dw: Float32Array;
  readonly db: Float32Array;
  readonly newW: Float32Array;
  readonly newB: Float32Array;
}

/** One example's way through the network. */
export interface Pass {
  /** Which of INPUTS. */
  readonly example: number;
  readonly x: Float32Array;
  readonly t: number;
  readonly layers: readonly Layer[];
  readonly loss: number;
  readonly lr: number;
  readonly activation: 'Tanh' | 'Sigmoid' | 'ReLU';
  /** What each of INPUTS should give. */
  readonly targets: readonly number[];
}

export interface View {
  readonly pass: Pass;
}

export interface Inputs {
  /** The example that the next step learns from. */
  readonly example: number;
}

const TARGETS = { xor: [0, 1, 1, 0], and: [0, 0, 0, 1], or: [0, 1, 1, 1] };

export default defineTrainer<typeof meta, View, Inputs>(async ({ device, inputs, settings }) => {
  const { model, layers, optimizer, train, inspect, predict } = await build(device, settings);
  const targets = TARGETS[settings.data];
  let example = inputs.example ?? 0;
  const pair = () => ({ x: Float32Array.from(INPUTS[example]!), t: Float32Array.of(targets[example]!) });
  const floats = async (value: Value) => (await value.data()) as Float32Array;

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    /** One example per step, in turn. */
    async train() {
      const values = await train(pair());
      example = (example + 1) % INPUTS.length;
      return values;
    },

    async evaluate() {
      const [p00, p01, p10, p11] = await floats((await predict({ x: Float32Array.from(INPUTS.flat()) })).p);
      return { p00: p00!, p01: p01!, p10: p10!, p11: p11! };
    },

    async look(changed) {
      if (changed === 'example') example = inputs.example!;
      const { x, t } = pair();
      const found: Record<string, Value> = await inspect({ x, t, eta: Float32Array.of(settings.lr) });
      const of = (name: string, l: number) => floats(found[`${name}${l + 1}`]!);
      return {
        pass: {
          example,
          x,
          t: t[0]!,
          layers: await Promise.all(
            layers.map(async ({ weight, bias }, l) => ({
              z: await of('z', l),
              h: await of('h', l),
              delta: await of('delta', l),
              w: (await weight.read(device)) as Float32Array,
              b: (await bias!.read(device)) as Float32Array,
              dw: await of('dW', l),
              db: await of('db', l),
              newW: await of('newW', l),
              newB: await of('newB', l),
            })),
          ),
          loss: (await floats(found['loss']!))[0]!,
          lr: settings.lr,
          activation: settings.activation,
          targets,
        },
      };
    },

    restart() {
      example = inputs.example ?? 0;
    },
  };
});
