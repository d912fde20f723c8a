// @tensorflow/tfjs 4.22 with its WebGPU backend; eager, so that every op is a dispatch of its own.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-backend-webgpu';
import { gpuDone } from '../lib/gpu-counters.ts';
import {
  lookup,
  mapValues,
  NotImplemented,
  oneHot,
  unused,
  type Adapter,
  type Field,
  type OptimizerSpec,
  type Runner,
  type Shared,
} from '../lib/types.ts';

const NAME = 'tfjs-webgpu';

/** Tensors by name. They are typed by rank in tfjs's signatures; here their shapes come from the workload. */
// oxlint-disable-next-line typescript/no-explicit-any
type Lookup = (name: string) => any;
type Loss = (p: Lookup, batch: Lookup, sizes: (name: string) => number) => tf.Scalar;

const upload = ({ data, shape, dtype }: Field): tf.Tensor => tf.tensor(data, shape, dtype);
const dense = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D =>
  tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias);
const crossEntropy = (logits: tf.Tensor, oneHotLabels: tf.Tensor): tf.Scalar =>
  tf.losses.softmaxCrossEntropy(oneHotLabels as tf.Tensor2D, logits as tf.Tensor2D);
const convSame = (x: tf.Tensor, kernel: tf.Tensor): tf.Tensor4D =>
  tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same');

const losses: Record<string, Loss> = {
  mlp(p, batch) {
    const h1 = tf.relu(dense(batch('x'), p('w1'), p('b1')));
    const h2 = tf.relu(dense(h1, p('w2'), p('b2')));
    return crossEntropy(dense(h2, p('w3'), p('b3')), batch('yOneHot'));
  },

  cnn(p, batch) {
    const block = (x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) =>
      tf.maxPool(tf.relu(tf.add(convSame(x, kernel), bias)) as tf.Tensor4D, 2, 2, 'valid');
    const h = block(block(batch('x'), p('k1'), p('c1')), p('k2'), p('c2'));
    const h3 = tf.relu(dense(tf.reshape(h, [32, 1568]), p('w3'), p('b3')));
    return crossEntropy(dense(h3, p('w4'), p('b4')), batch('yOneHot'));
  },

  resnet(p, batch) {
    const normalize = (x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        beta as tf.Tensor1D,
        gamma as tf.Tensor1D,
        1e-5,
      );
    };
    let x: tf.Tensor = batch('x');
    for (let i = 0; i < 3; i++) {
      const h = tf.relu(normalize(convSame(x, p(`k${i}0`)), p(`g${i}0`), p(`b${i}0`)));
      x = tf.relu(tf.add(normalize(convSame(h, p(`k${i}1`)), p(`g${i}1`), p(`b${i}1`)), x));
    }
    return crossEntropy(dense(tf.mean(x, [1, 2]), p('w'), p('bias')), batch('yOneHot'));
  },

  lstm(p, batch, size) {
    const [steps, rows, inputs, hidden] = [size('steps'), size('batch'), size('inputs'), size('hidden')];
    const projected = dense(tf.reshape(batch('x'), [steps * rows, inputs]), p('wx'), p('b'));
    const xs = tf.unstack(tf.reshape(projected, [steps, rows, 4 * hidden]), 0);
    let h: tf.Tensor = tf.zeros([rows, hidden]);
    let c: tf.Tensor = tf.zeros([rows, hidden]);
    for (const x of xs) {
      const gates = tf.add(x, tf.matMul(h as tf.Tensor2D, p('wh')));
      const [i, f, g, o] = tf.split(gates, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
      h = tf.mul(tf.sigmoid(o), tf.tanh(c));
    }
    return crossEntropy(dense(h, p('w'), p('bo')), batch('yOneHot'));
  },

  transformer(p, batch, size) {
    const [rows, length, width, heads] = [size('batch'), size('length'), size('width'), size('heads')];
    const normalize = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return x
        .sub(mean)
        .mul(tf.rsqrt(variance.add(1e-5)))
        .mul(gamma)
        .add(beta);
    };
    const toHeads = (x: tf.Tensor) =>
      tf.transpose(tf.reshape(x, [rows, length, heads, width / heads]), [0, 2, 1, 3]);
    const attend = (x: tf.Tensor, layer: number) => {
      const [q, k, v] = tf.split(dense(x, p(`qkv${layer}`), p(`qkvb${layer}`)), 3, 1).map(toHeads) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads));
      const mixed = tf.matMul(tf.softmax(tf.add(scores, p('causalMask'))), v);
      return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [rows * length, width]);
    };
    const tokens = tf.reshape(tf.gather(p('tok'), tf.reshape(batch('x'), [rows * length])), [
      rows,
      length,
      width,
    ]);
    let x: tf.Tensor = tf.reshape(tf.add(tokens, p('pos')), [rows * length, width]);
    for (let i = 0; i < size('layers'); i++) {
      const attended = attend(normalize(x, p(`ln1g${i}`), p(`ln1b${i}`)), i);
      x = tf.add(x, dense(attended, p(`proj${i}`), p(`projb${i}`)));
      const h = tf.relu(dense(normalize(x, p(`ln2g${i}`), p(`ln2b${i}`)), p(`fc${i}`), p(`fcb${i}`)));
      x = tf.add(x, dense(h, p(`out${i}`), p(`outb${i}`)));
    }
    const logits = tf.matMul(normalize(x, p('lnfg'), p('lnfb')) as tf.Tensor2D, p('head'));
    return crossEntropy(logits, batch('yOneHot'));
  },

  vae(p, batch) {
    const h = tf.relu(dense(batch('x'), p('e1'), p('eb1')));
    const mu = dense(h, p('mu'), p('mub'));
    const logVar = dense(h, p('lv'), p('lvb'));
    const z = mu.add(tf.mul(batch('noise'), tf.exp(logVar.mul(0.5))));
    const logits = dense(tf.relu(dense(z, p('d1'), p('db1'))), p('d2'), p('db2'));
    const reconstruction = tf.sum(tf.softplus(logits).sub(logits.mul(batch('x'))));
    const divergence = tf.sum(tf.exp(logVar).add(mu.square()).sub(logVar).sub(1)).mul(0.5);
    return reconstruction.add(divergence).div(128);
  },
};

const generate = (p: Lookup, z: tf.Tensor) =>
  tf.sigmoid(dense(tf.relu(dense(z, p('g1'), p('gb1'))), p('g2'), p('gb2')));
const discriminate = (p: Lookup, x: tf.Tensor) =>
  dense(tf.leakyRelu(dense(x, p('d1'), p('db1')), 0.2), p('d2'), p('db2'));

function makeOptimizer({ kind, lr, b1, b2, eps, momentum = 0 }: OptimizerSpec): tf.Optimizer {
  return kind === 'adam' ? tf.train.adam(lr, b1, b2, eps) : tf.train.momentum(lr, momentum);
}

function causalMask(length: number): tf.Tensor {
  const future = new Float32Array(length * length);
  for (let i = 0; i < length; i++) for (let j = i + 1; j < length; j++) future[i * length + j] = -1e9;
  return tf.tensor(future, [length, length]);
}

/** The parts of the WebGPU backend that flush its queue; not in its public type. */
interface Flushable {
  commandEncoder: unknown;
  endComputePassEncoder?(): void;
  submitQueue(): void;
}

async function finish(): Promise<void> {
  const backend = tf.backend() as unknown as Flushable;
  backend.endComputePassEncoder?.();
  if (backend.commandEncoder) backend.submitQueue();
  await gpuDone();
}

function buildForward({ spec, batches }: Shared): Runner {
  const inputs = mapValues(batches[0]!, upload);
  const input: Lookup = lookup(inputs);
  const ops: Record<string, () => tf.Tensor> = {
    matmulNN: () => tf.matMul(input('a'), input('b')),
    matmulTN: () => tf.matMul(input('a'), input('b'), true, false),
    matmulNT: () => tf.matMul(input('a'), input('b'), false, true),
    chain: () =>
      tf.tidy(() => {
        const [a, b] = [input('a'), input('b')] as [tf.Tensor, tf.Tensor];
        return tf.relu(a.mul(1.5).add(b)).mul(tf.sigmoid(a)).sub(b.mul(0.1)).add(tf.exp(a.square().neg()));
      }),
    softmax: () => tf.softmax(input('a')),
    sumrows: () => tf.sum(input('a'), 1),
    sumcols: () => tf.sum(input('a'), 0),
  };
  const run = lookup(ops)(spec.op!);
  let y: tf.Tensor | null = null;
  return {
    step() {
      y?.dispose();
      y = run();
    },
    finish,
    output: async () => (await y!.data()) as Float32Array,
    loss: unused,
    parameters: unused,
    dispose: () => tf.disposeVariables(),
  };
}

function buildTraining({ name, spec, params, batches }: Shared): Runner {
  const variables = mapValues(params, (field) => tf.variable(upload(field), true));
  const constants = name === 'transformer' ? { causalMask: causalMask(spec.sizes!['length']!) } : {};
  const p: Lookup = lookup<tf.Tensor>({ ...variables, ...constants });
  const data = batches.map((batch) => ({
    ...mapValues(batch, upload),
    ...(batch['y']
      ? { yOneHot: tf.tensor(oneHot(batch['y']), [batch['y'].data.length, batch['y'].classes!]) }
      : {}),
  }));
  const batchOf = (i: number): Lookup => lookup<tf.Tensor>(data[i % data.length]!);
  const variablesOf = (prefix: string) =>
    Object.entries(variables).flatMap(([variable, value]) => (variable.startsWith(prefix) ? [value] : []));

  let lastLosses: tf.Scalar[] = [];
  const keep = (values: tf.Scalar[]) => {
    for (const value of lastLosses) value.dispose();
    lastLosses = values;
  };
  /** One update of `trained`; returns the loss, which `minimize` gives when asked to. */
  const minimize = (optimizer: tf.Optimizer, trained: tf.Variable[], loss: () => tf.Scalar): tf.Scalar =>
    optimizer.minimize(loss, true, trained)!;

  let step: (i: number) => void;
  if (name === 'gan') {
    const [forD, forG] = [makeOptimizer(spec.opt!), makeOptimizer(spec.opt!)];
    const [dVariables, gVariables] = [variablesOf('d'), variablesOf('g')];
    step = (i) => {
      const batch = batchOf(i);
      const fake = tf.tidy(() => generate(p, batch('z1')));
      const lossD = minimize(forD, dVariables, () => {
        const real = tf.mean(tf.softplus(tf.neg(discriminate(p, batch('x')))));
        return real.add(tf.mean(tf.softplus(discriminate(p, fake))));
      });
      fake.dispose();
      const lossG = minimize(forG, gVariables, () =>
        tf.mean(tf.softplus(tf.neg(discriminate(p, generate(p, batch('z2')))))),
      );
      keep([lossD, lossG]);
    };
  } else {
    const loss = losses[name];
    if (!loss) throw new NotImplemented(NAME, name);
    const optimizer = makeOptimizer(spec.opt!);
    const all = variablesOf('');
    const size = lookup(spec.sizes ?? {});
    step = (i) => keep([minimize(optimizer, all, () => loss(p, batchOf(i), size))]);
  }
  return {
    step,
    finish,
    async loss() {
      const values = await Promise.all(lastLosses.map((value) => value.data()));
      return values.reduce((total, [value]) => total + value!, 0);
    },
    async parameters() {
      const names = Object.keys(variables);
      const arrays = await Promise.all(Object.values(variables).map((variable) => variable.data()));
      return Object.fromEntries(arrays.map((array, i) => [names[i]!, array as Float32Array]));
    },
    output: unused,
    dispose: () => tf.disposeVariables(),
  };
}

const adapter: Adapter = {
  name: NAME,
  version: tf.version_core,
  async init() {
    await tf.setBackend('webgpu');
    await tf.ready();
    if (tf.getBackend() !== 'webgpu') throw new Error(`tfjs chose the backend ${tf.getBackend()}`);
    return `tfjs ${tf.version_core}, backend ${tf.getBackend()}`;
  },
  build: (shared) =>
    Promise.resolve(shared.spec.kind === 'forward' ? buildForward(shared) : buildTraining(shared)),
};
export default adapter;
