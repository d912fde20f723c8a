import {
  compile,
  f32,
  grad,
  i32,
  mul,
  nn,
  optim,
  softmax,
  sub,
  type Device,
  type Tensor,
  type Value,
} from 'chainrule';
import { buildModel } from './models.ts';
import { SIDE, type ModelName } from './protocol.ts';

/** Of initial values and the order of the digits: each run is the same. */
export const SEED = 0;

/** One model on one device: a training step, a prediction step, and the way back to the start. */
export class Trainer {
  readonly parameters: number;
  readonly #device: Device;
  readonly #model: nn.Module;
  readonly #optimizer: optim.Adam;
  readonly #steps: Awaited<ReturnType<typeof compileSteps>>;

  /** Build the model and compile both steps; later calls may use other batch sizes. */
  static async create(device: Device, name: ModelName, batchSize: number): Promise<Trainer> {
    const model = buildModel[name]();
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    return new Trainer(device, model, optimizer, await compileSteps(device, model, optimizer, batchSize));
  }

  private constructor(
    device: Device,
    model: nn.Module,
    optimizer: optim.Adam,
    steps: Awaited<ReturnType<typeof compileSteps>>,
  ) {
    this.#device = device;
    this.#model = model;
    this.#optimizer = optimizer;
    this.#steps = steps;
    this.parameters = optimizer.params.reduce((sum, parameter) => sum + parameter.size, 0);
  }

  /** The learning rate of the next steps; compiles nothing. */
  set lr(rate: number) {
    this.#optimizer.lr = rate;
  }

  /** Enqueue one training step and return the handle to its loss. */
  async step(images: Float32Array, labels: Int32Array): Promise<Value> {
    return (await this.#steps.train({ images, labels })).loss;
  }

  /** Class probabilities [n, 10] of images [n, 28, 28]. */
  async predict(images: Float32Array): Promise<Float32Array> {
    const { probabilities } = await this.#steps.predict({ images });
    return (await probabilities.data()) as Float32Array;
  }

  /** Untrained parameters and an optimizer without history, as after `create`. */
  async reset(): Promise<void> {
    const stored = [...this.#model.state().values(), ...this.#optimizer.state().values()];
    for (const parameter of stored) await parameter.write(this.#device, parameter.initialValues(SEED));
    this.#optimizer.steps = 0;
  }

  /** FNV-1a of the bytes of all parameters. */
  async checksum(): Promise<string> {
    let hash = 0x811c9dc5;
    for (const [, values] of await this.#model.readState(this.#device)) {
      for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) {
        hash = Math.imul(hash ^ byte, 0x01000193);
      }
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  }
}

/** Mean and standard deviation of the pixels of the training digits: what learns fastest has mean 0 and variance 1. */
const [MEAN, DEVIATION] = [0.1307, 0.3081];
const standardized = (images: Tensor) => mul(sub(images, MEAN), 1 / DEVIATION);

async function compileSteps(device: Device, model: nn.Module, optimizer: optim.Adam, batchSize: number) {
  const images = f32(batchSize, 1, SIDE, SIDE);
  const train = await compile(
    device,
    { images, labels: i32(batchSize) },
    (batch) => {
      const loss = nn.crossEntropy(model.train().forward(standardized(batch.images)), batch.labels);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, model.parameters())) };
    },
    { seed: SEED },
  );
  const predict = await compile(
    device,
    { images: f32(1, 1, SIDE, SIDE) },
    (batch) => ({ outputs: { probabilities: softmax(model.eval().forward(standardized(batch.images))) } }),
    { seed: SEED },
  );
  return { train, predict };
}
