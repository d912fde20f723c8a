// The loops around a step, which are the same for every family.
import {
  compile,
  type data,
  type Device,
  type InputTensors,
  type Signature,
  type Tensor,
  type Value,
} from 'chainrule';

export interface FitOptions {
  /** Rows in a step: every row once per epoch, in an order of its own; the rest of an epoch is dropped. */
  batch: number;
  steps: number;
  seed: number;
  log(line: string): void;
}

/** How often `fit` reads and logs what a step returns: reading waits for the GPU. */
const REPORTS = 10;

/**
 * Run a training step on shuffled batches, and log its outputs of one element ten times.
 *
 * @param step its inputs are the columns of `dataset`
 * @returns the outputs of the last step
 * @throws Error when an output is not finite, or `batch` is more than the rows
 */
export async function fit<C extends data.Columns, O extends Readonly<Record<string, Value>>>(
  step: (batch: C) => Promise<O>,
  dataset: data.Dataset<C>,
  { batch, steps, seed, log }: FitOptions,
): Promise<O> {
  if (batch > dataset.length) throw new Error(`fit: expected at least ${batch} rows, got ${dataset.length}`);
  const every = Math.ceil(steps / REPORTS);
  for (let [done, epoch] = [0, 0]; ; epoch++) {
    for (const part of dataset.shuffledBatches({ batch, seed, epoch, last: 'drop' })) {
      const outputs = await step(part);
      done++;
      if (done % every === 0 || done === steps) log(`step ${done}: ${await report(outputs)}`);
      if (done === steps) return outputs;
    }
  }
}

async function report(outputs: Readonly<Record<string, Value>>): Promise<string> {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(outputs)) {
    const values = await value.data();
    if (values.length !== 1) continue;
    if (!Number.isFinite(values[0])) throw new Error(`${name} is ${values[0]}: the training has diverged`);
    parts.push(`${name} ${Number(values[0]!.toPrecision(4))}`);
  }
  return parts.join(', ');
}

/**
 * Apply `fn` to all rows of a data set, batch after batch.
 *
 * @param signature columns to use, with the size of a batch in front: `{ x: f32(500, 784) }`
 * @param fn traced like a step; call `model.eval()` in it where that matters
 * @param options `seed` of what `fn` draws at random, default 0
 * @returns the results of all rows in one array
 */
export async function predict<S extends Signature>(
  device: Device,
  signature: S,
  fn: (inputs: InputTensors<S>) => Tensor,
  dataset: data.Dataset<data.Columns>,
  options: { seed?: number } = {},
): Promise<Float32Array> {
  const step = await compile(device, signature, (inputs) => ({ outputs: { y: fn(inputs) } }), options);
  const batch = Object.values(signature)[0]!.shape[0]!;
  const parts: Float32Array[] = [];
  for (const part of dataset.select(...Object.keys(signature)).batches({ batch })) {
    const { y } = await step(part as Parameters<typeof step>[0]);
    parts.push((await y.data()) as Float32Array);
  }
  step.release();
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
