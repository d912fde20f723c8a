// @jax-js/jax 0.1.25 on WebGPU; the whole training step (value, gradients, optimizer) is one jitted function.
// jax-js arrays are moved into the functions that use them; `.ref` keeps one for another use.
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { gpuDone } from '../lib/gpu-counters.ts';
import { channelsFirst, imagesFirst, toLibrary, toShared } from '../lib/layouts.ts';
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

const NAME = 'jax-js';

type A = np.Array;
type Tree = Record<string, A>;
type Lookup = (name: string) => A;
type Loss = (p: Lookup, batch: Lookup, size: (name: string) => number) => A;

const dense = (x: A, weight: A, bias: A) => np.dot(x, weight).add(bias);
const convSame = (x: A, kernel: A) => lax.convGeneralDilated(x, kernel, [1, 1], 'SAME');
const maxPool = (x: A) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
const perChannel = (values: A) => values.reshape([-1, 1, 1]);
const crossEntropy = (logits: A, oneHotLabels: A, rows: number) =>
  nn
    .logSoftmax(logits)
    .mul(oneHotLabels)
    .sum()
    .mul(-1 / rows);

/** (x - mean) / √(variance + 1e-5) · gamma + beta, statistics over `axes`. */
function normalize(x: A, axes: number | number[], gamma: A, beta: A): A {
  const centred = x.ref.sub(x.mean(axes, { keepdims: true }));
  const variance = np.square(centred.ref).mean(axes, { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(1e-5)))
    .mul(gamma)
    .add(beta);
}

const losses: Record<string, Loss> = {
  mlp(p, batch) {
    const h1 = nn.relu(dense(batch('x'), p('w1'), p('b1')));
    const h2 = nn.relu(dense(h1, p('w2'), p('b2')));
    return crossEntropy(dense(h2, p('w3'), p('b3')), batch('yOneHot'), 128);
  },

  cnn(p, batch) {
    const block = (x: A, kernel: A, bias: A) => maxPool(nn.relu(convSame(x, kernel).add(perChannel(bias))));
    const h = block(block(batch('x'), p('k1'), p('c1')), p('k2'), p('c2'));
    const h3 = nn.relu(dense(h.reshape([32, 1568]), p('w3'), p('b3')));
    return crossEntropy(dense(h3, p('w4'), p('b4')), batch('yOneHot'), 32);
  },

  resnet(p, batch) {
    const batchNorm = (x: A, i: string) =>
      normalize(x, [0, 2, 3], perChannel(p(`g${i}`)), perChannel(p(`b${i}`)));
    let x = batch('x');
    for (let i = 0; i < 3; i++) {
      const h = nn.relu(batchNorm(convSame(x.ref, p(`k${i}0`)), `${i}0`));
      x = nn.relu(batchNorm(convSame(h, p(`k${i}1`)), `${i}1`).add(x));
    }
    return crossEntropy(dense(x.mean([2, 3]), p('w'), p('bias')), batch('yOneHot'), 32);
  },

  lstm(p, batch, size) {
    const [steps, rows, inputs, hidden] = [size('steps'), size('batch'), size('inputs'), size('hidden')];
    const projected = dense(batch('x').reshape([steps * rows, inputs]), p('wx'), p('b'));
    const xs = projected.reshape([steps, rows, 4 * hidden]);
    const recurrent = p('wh');
    let h: A = np.zeros([rows, hidden]);
    let c: A = np.zeros([rows, hidden]);
    for (let t = 0; t < steps; t++) {
      const gates = xs.ref.slice(t).add(np.dot(h, recurrent.ref));
      const [i, f, g, o] = np.split(gates, 4, 1) as [A, A, A, A];
      c = nn
        .sigmoid(f)
        .mul(c)
        .add(nn.sigmoid(i).mul(np.tanh(g)));
      h = nn.sigmoid(o).mul(np.tanh(c.ref));
    }
    for (const array of [xs, recurrent, c]) array.dispose();
    return crossEntropy(dense(h, p('w'), p('bo')), batch('yOneHot'), rows);
  },

  transformer(p, batch, size) {
    const [rows, length, width, heads] = [size('batch'), size('length'), size('width'), size('heads')];
    const mask = batch('causalMask');
    const toHeads = (x: A) => x.reshape([rows, length, heads, width / heads]).transpose([0, 2, 1, 3]);
    const attend = (x: A, i: number) => {
      const [q, k, v] = np.split(dense(x, p(`qkv${i}`), p(`qkvb${i}`)), 3, 1).map(toHeads) as [A, A, A];
      const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(width / heads));
      const mixed = np.matmul(nn.softmax(scores.add(mask.ref), -1), v);
      return mixed.transpose([0, 2, 1, 3]).reshape([rows * length, width]);
    };
    const tokens = np.dot(batch('xOneHot'), p('tok')).reshape([rows, length, width]);
    let x: A = tokens.add(p('pos')).reshape([rows * length, width]);
    for (let i = 0; i < size('layers'); i++) {
      const attended = attend(normalize(x.ref, -1, p(`ln1g${i}`), p(`ln1b${i}`)), i);
      x = x.add(dense(attended, p(`proj${i}`), p(`projb${i}`)));
      const h = nn.relu(dense(normalize(x.ref, -1, p(`ln2g${i}`), p(`ln2b${i}`)), p(`fc${i}`), p(`fcb${i}`)));
      x = x.add(dense(h, p(`out${i}`), p(`outb${i}`)));
    }
    mask.dispose();
    const logits = np.dot(normalize(x, -1, p('lnfg'), p('lnfb')), p('head'));
    return crossEntropy(logits, batch('yOneHot'), rows * length);
  },

  vae(p, batch) {
    const x = batch('x');
    const h = nn.relu(dense(x.ref, p('e1'), p('eb1')));
    const mu = dense(h.ref, p('mu'), p('mub'));
    const logVar = dense(h, p('lv'), p('lvb'));
    const z = mu.ref.add(batch('noise').mul(np.exp(logVar.ref.mul(0.5))));
    const logits = dense(nn.relu(dense(z, p('d1'), p('db1'))), p('d2'), p('db2'));
    const reconstruction = nn.softplus(logits.ref).sub(logits.mul(x)).sum();
    const divergence = np.exp(logVar.ref).add(np.square(mu)).sub(logVar).sub(1).sum().mul(0.5);
    return reconstruction.add(divergence).mul(1 / 128);
  },
};

const generate = (p: Lookup, z: A) =>
  nn.sigmoid(dense(nn.relu(dense(z, p('g1'), p('gb1'))), p('g2'), p('gb2')));
const discriminate = (p: Lookup, x: A) =>
  dense(nn.leakyRelu(dense(x, p('d1'), p('db1')), 0.2), p('d2'), p('db2'));

/** Parameters with what their optimizer remembers: moments, and the powers of Adam's decay rates. */
type State = { p: Tree; m: Tree; v: Tree; powers: Tree };

function initialState(p: Tree, { kind }: OptimizerSpec): State {
  const zeros = () => mapValues(p, ({ shape }) => np.zeros(shape));
  const one = () => np.array(new Float32Array([1]), { shape: [1] }).reshape([]);
  if (kind === 'sgd') return { p, m: zeros(), v: {}, powers: {} };
  return { p, m: zeros(), v: zeros(), powers: { b1: one(), b2: one() } };
}

function update(
  { kind, lr, b1 = 0, b2 = 0, eps = 0, momentum = 0 }: OptimizerSpec,
  state: State,
  grads: Tree,
): State {
  const next: State = { p: {}, m: {}, v: {}, powers: {} };
  if (kind === 'sgd') {
    for (const [name, p] of Object.entries(state.p)) {
      const m = state.m[name]!.mul(momentum).add(grads[name]!);
      next.m[name] = m;
      next.p[name] = p.sub(m.ref.mul(lr));
    }
    return next;
  }
  const power1 = state.powers['b1']!.mul(b1);
  const power2 = state.powers['b2']!.mul(b2);
  for (const [name, p] of Object.entries(state.p)) {
    const grad = grads[name]!;
    const m = state.m[name]!.mul(b1).add(grad.ref.mul(1 - b1));
    const v = state.v[name]!.mul(b2).add(np.square(grad).mul(1 - b2));
    const mean = m.ref.div(np.subtract(1, power1.ref));
    const root = np.sqrt(v.ref.div(np.subtract(1, power2.ref)));
    next.p[name] = p.sub(mean.div(root.add(eps)).mul(lr));
    next.m[name] = m;
    next.v[name] = v;
  }
  return { ...next, powers: { b1: power1, b2: power2 } };
}

type Step = (state: State[], batch: Tree) => [loss: A, state: State[]];

function ordinaryStep(loss: Loss, { spec }: Shared): Step {
  const size = lookup(spec.sizes ?? {});
  const lossOf = (p: Tree, batch: Tree) => loss(lookup(p), lookup(batch), size);
  return ([state], batch) => {
    const [value, grads] = valueAndGrad(lossOf)(tree.ref(state!.p), batch) as [A, Tree];
    return [value, [update(spec.opt!, state!, grads)]];
  };
}

/** Train D on G's output, then G against the new D. */
function ganStep({ spec }: Shared): Step {
  const lossD = (d: Tree, fake: A, x: A) => {
    const real = nn.softplus(discriminate(lookup(tree.ref(d)), x).neg()).mean();
    return real.add(nn.softplus(discriminate(lookup(d), fake)).mean());
  };
  const lossG = (g: Tree, d: Tree, z: A) =>
    nn.softplus(discriminate(lookup(d), generate(lookup(g), z)).neg()).mean();
  return ([g, d], batch) => {
    const fake = lax.stopGradient(generate(lookup(tree.ref(g!.p)), batch['z1']!)) as A;
    const [valueD, gradsD] = valueAndGrad(lossD)(tree.ref(d!.p), fake, batch['x']!) as [A, Tree];
    const newD = update(spec.opt!, d!, gradsD);
    const [valueG, gradsG] = valueAndGrad(lossG)(tree.ref(g!.p), tree.ref(newD.p), batch['z2']!) as [A, Tree];
    return [valueD.add(valueG), [update(spec.opt!, g!, gradsG), newD]];
  };
}

const upload = (data: Float32Array | Int32Array, shape: readonly number[]): A =>
  np.array(data as Float32Array<ArrayBuffer>, {
    shape: [...shape],
    dtype: data instanceof Int32Array ? np.int32 : np.float32,
  });

/** A batch as the losses want it. Class indices go in as one-hot rows: jax-js picks none by index in a jit. */
function uploadBatch(workload: Shared, batch: Readonly<Record<string, Field>>): Tree {
  const result: Tree = {};
  for (const [name, field] of Object.entries(batch)) {
    const layout = imagesFirst(field);
    if (field.classes) result[`${name}OneHot`] = upload(oneHot(field), [field.data.length, field.classes]);
    else result[name] = upload(toLibrary(field.data, layout), layout.shape);
  }
  if (workload.name === 'transformer') {
    const length = workload.spec.sizes!['length']!;
    const future = new Float32Array(length * length);
    for (let i = 0; i < length; i++) for (let j = i + 1; j < length; j++) future[i * length + j] = -1e9;
    result['causalMask'] = upload(future, [length, length]);
  }
  return result;
}

function buildForward({ spec, batches }: Shared): Runner {
  const inputs = mapValues(batches[0]!, ({ data, shape }) => upload(data, shape));
  const ops: Record<string, (input: Lookup) => A> = {
    matmulNN: (input) => np.matmul(input('a'), input('b')),
    matmulTN: (input) => np.matmul(input('a').transpose(), input('b')),
    matmulNT: (input) => np.matmul(input('a'), input('b').transpose()),
    chain(input) {
      const [a, b] = [input('a'), input('b')];
      const product = nn.relu(a.ref.mul(1.5).add(b.ref)).mul(nn.sigmoid(a.ref));
      return product.sub(b.mul(0.1)).add(np.exp(np.square(a).neg()));
    },
    softmax: (input) => nn.softmax(input('a')),
    sumrows: (input) => input('a').sum(1),
    sumcols: (input) => input('a').sum(0),
  };
  const op = lookup(ops)(spec.op!);
  const run = jit((arrays: Tree) => op(lookup(arrays)));
  let y: A | null = null;
  return {
    step() {
      y?.dispose();
      y = run(tree.ref(inputs)) as A;
      y.ref.gpuBufferSync(); // submits: jax-js would wait for someone to read
    },
    finish: gpuDone,
    output: async () => (await y!.ref.data()) as Float32Array,
    loss: unused,
    parameters: unused,
    dispose: () => tree.dispose(inputs),
  };
}

function buildTraining(shared: Shared): Runner {
  const { name, spec, params, batches } = shared;
  const loss = losses[name];
  if (!loss && name !== 'gan') throw new NotImplemented(NAME, name);
  const initial = mapValues(params, (field) => {
    const layout = channelsFirst(name, field);
    return upload(toLibrary(field.data, layout), layout.shape);
  });
  const named = (prefix: string) =>
    Object.fromEntries(Object.entries(initial).filter(([parameter]) => parameter.startsWith(prefix)));
  const data = batches.map((batch) => uploadBatch(shared, batch));

  const trainStep = jit((loss ? ordinaryStep(loss, shared) : ganStep(shared)) as never) as unknown as Step;
  let state = (loss ? [initial] : [named('g'), named('d')]).map((p) => initialState(p, spec.opt!));
  let last: A | null = null;
  return {
    step(i) {
      last?.dispose();
      [last, state] = trainStep(state, tree.ref(data[i % data.length]!));
      last.ref.gpuBufferSync(); // submits: jax-js would wait for someone to read
    },
    loss: async () => (await last!.ref.data())[0]!,
    finish: gpuDone,
    async parameters() {
      const result: Record<string, Float32Array> = {};
      for (const { p } of state)
        for (const [parameter, array] of Object.entries(p))
          result[parameter] = toShared(
            (await array.ref.data()) as Float32Array,
            channelsFirst(name, params[parameter]!),
          );
      return result;
    },
    output: unused,
    dispose() {
      last?.dispose();
      tree.dispose(state);
      tree.dispose(data);
    },
    notes:
      name === 'transformer'
        ? ['tokens embedded by a one-hot matmul: the gradient of gather fails in a jit']
        : [],
  };
}

const adapter: Adapter = {
  name: NAME,
  version: '0.1.25',
  async init() {
    const devices = await init();
    if (!devices.includes('webgpu')) throw new Error(`jax-js found only ${devices.join(', ')}`);
    defaultDevice('webgpu');
    return `jax-js on webgpu`;
  },
  build: (shared) =>
    Promise.resolve(shared.spec.kind === 'forward' ? buildForward(shared) : buildTraining(shared)),
};
export default adapter;
