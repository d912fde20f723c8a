// This library's adapter but for the device, which adapters/chainrule*.ts choose.
import {
  add,
  batchNorm,
  compile,
  conv2d,
  detach,
  embedding,
  exp,
  f32,
  fill,
  flatten,
  grad,
  i32,
  layerNorm,
  leakyRelu,
  linear,
  matmul,
  maxPool2d,
  mean,
  mul,
  neg,
  nn,
  optim,
  Parameter,
  permute,
  profile,
  relu,
  reshape,
  scaledDotProductAttention,
  scan,
  sigmoid,
  slice,
  softmax,
  softplus,
  square,
  sub,
  sum,
  tanh,
  type Device,
  type InputData,
  type Signature,
  type Step,
  type Tensor,
  type TypedArray,
  type Update,
  type Value,
} from '../../src/index.ts';
import { gpuDone } from '../lib/gpu-counters.ts';
import { imagesFirst, pytorch, toLibrary, toShared } from '../lib/layouts.ts';
import {
  lookup,
  mapValues,
  NotImplemented,
  unused,
  type Adapter,
  type BuildOptions,
  type Field,
  type OptimizerSpec,
  type Runner,
  type Shared,
  type Workload,
} from '../lib/types.ts';

type Lookup = (name: string) => Tensor;
type Loss = (p: Lookup, batch: Lookup, size: (name: string) => number) => Tensor;

/** [rows, n · width] → n times [rows, width]. */
function columns(x: Tensor, n: number): Tensor[] {
  const width = x.shape[1]! / n;
  return Array.from({ length: n }, (_, i) => slice(x, [null, [i * width, (i + 1) * width]]));
}

const losses: Record<string, Loss> = {
  mlp(p, batch) {
    const h1 = relu(linear(batch('x'), p('w1'), p('b1')));
    const h2 = relu(linear(h1, p('w2'), p('b2')));
    return nn.crossEntropy(linear(h2, p('w3'), p('b3')), batch('y'));
  },

  cnn(p, batch) {
    const block = (x: Tensor, weight: Tensor, bias: Tensor) =>
      maxPool2d(relu(conv2d(x, weight, bias, { padding: 1 })), 2);
    const h = block(block(batch('x'), p('k1'), p('c1')), p('k2'), p('c2'));
    const h3 = relu(linear(flatten(h), p('w3'), p('b3')));
    return nn.crossEntropy(linear(h3, p('w4'), p('b4')), batch('y'));
  },

  resnet(p, batch) {
    const convNorm = (x: Tensor, i: string) =>
      batchNorm(conv2d(x, p(`k${i}`), null, { padding: 1 }), p(`g${i}`), p(`b${i}`));
    let x = batch('x');
    for (let i = 0; i < 3; i++) x = relu(add(convNorm(relu(convNorm(x, `${i}0`)), `${i}1`), x));
    return nn.crossEntropy(linear(mean(x, { axes: [2, 3] }), p('w'), p('bias')), batch('y'));
  },

  lstm(p, batch, size) {
    const hidden = size('hidden');
    const zeros = fill(0, [size('batch'), hidden]);
    const { carry } = scan(
      ({ h, c }, x: Tensor) => {
        const gates = add(x, matmul(h, p('wh'), { transposeB: true }));
        const [i, f, g, o] = columns(gates, 4) as [Tensor, Tensor, Tensor, Tensor];
        const next = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
        return [{ h: mul(sigmoid(o), tanh(next)), c: next }, {}];
      },
      { h: zeros, c: zeros },
      linear(batch('x'), p('wx'), p('b')),
    );
    return nn.crossEntropy(linear(carry.h, p('w'), p('bo')), batch('y'));
  },

  transformer(p, batch, size) {
    const [rows, length, width, heads] = ['batch', 'length', 'width', 'heads'].map(size) as [
      number,
      number,
      number,
      number,
    ];
    const attend = (x: Tensor, i: number) => {
      const projected = columns(linear(x, p(`qkv${i}`), p(`qkvb${i}`)), 3);
      const [q, k, v] = projected.map((y) =>
        permute(reshape(y, [rows, length, heads, width / heads]), [0, 2, 1, 3]),
      ) as [Tensor, Tensor, Tensor];
      const mixed = scaledDotProductAttention(q, k, v, { causal: true });
      return reshape(permute(mixed, [0, 2, 1, 3]), [rows * length, width]);
    };
    const tokens = reshape(embedding(p('tok'), batch('x')), [rows, length, width]);
    let x = reshape(add(tokens, p('pos')), [rows * length, width]);
    for (let i = 0; i < size('layers'); i++) {
      const attended = attend(layerNorm(x, width, p(`ln1g${i}`), p(`ln1b${i}`)), i);
      x = add(x, linear(attended, p(`proj${i}`), p(`projb${i}`)));
      const normed = layerNorm(x, width, p(`ln2g${i}`), p(`ln2b${i}`));
      x = add(x, linear(relu(linear(normed, p(`fc${i}`), p(`fcb${i}`))), p(`out${i}`), p(`outb${i}`)));
    }
    const logits = linear(layerNorm(x, width, p('lnfg'), p('lnfb')), p('head'));
    return nn.crossEntropy(logits, reshape(batch('y'), [rows * length]));
  },

  vae(p, batch) {
    const h = relu(linear(batch('x'), p('e1'), p('eb1')));
    const mu = linear(h, p('mu'), p('mub'));
    const logVar = linear(h, p('lv'), p('lvb'));
    const z = add(mu, mul(batch('noise'), exp(mul(logVar, 0.5))));
    const logits = linear(relu(linear(z, p('d1'), p('db1'))), p('d2'), p('db2'));
    const reconstruction = nn.bceWithLogits(logits, batch('x'), { reduction: 'batchmean' });
    return add(reconstruction, nn.klStandardNormal(mu, logVar));
  },
};

const generate = (p: Lookup, z: Tensor) =>
  sigmoid(linear(relu(linear(z, p('g1'), p('gb1'))), p('g2'), p('gb2')));
const discriminate = (p: Lookup, x: Tensor) =>
  linear(leakyRelu(linear(x, p('d1'), p('db1')), 0.2), p('d2'), p('db2'));

const forwardOps: Record<string, (input: Lookup) => Tensor> = {
  matmulNN: (input) => matmul(input('a'), input('b')),
  matmulTN: (input) => matmul(input('a'), input('b'), { transposeA: true }),
  matmulNT: (input) => matmul(input('a'), input('b'), { transposeB: true }),
  chain(input) {
    const [a, b] = [input('a'), input('b')];
    const product = mul(relu(add(mul(a, 1.5), b)), sigmoid(a));
    return add(sub(product, mul(b, 0.1)), exp(neg(square(a))));
  },
  softmax: (input) => softmax(input('a')),
  sumrows: (input) => sum(input('a'), { axes: 1 }),
  sumcols: (input) => sum(input('a'), { axes: 0 }),
};

/** A step's loss and updates from its batch. */
type BuildStep = (batch: Lookup) => { loss: Tensor; updates: Update[] };

function makeOptimizer(
  { kind, lr, b1 = 0.9, b2 = 0.999, eps, momentum = 0 }: OptimizerSpec,
  params: Parameter[],
) {
  if (kind === 'sgd') return new optim.SGD(params, { lr, momentum });
  return new optim.Adam(params, { lr, betas: [b1, b2], ...(eps === undefined ? {} : { eps }) });
}

function ordinaryStep(loss: Loss, { opt, sizes }: Workload, params: Record<string, Parameter>): BuildStep {
  const optimizer = makeOptimizer(opt!, Object.values(params));
  return (batch) => {
    const value = loss(lookup(params), batch, lookup(sizes ?? {}));
    return { loss: value, updates: optimizer.update(grad(value, optimizer.params)) };
  };
}

/** Train D on G's output, then G against the new D, in one step. */
function ganStep(spec: OptimizerSpec, params: Record<string, Parameter>): BuildStep {
  const named = (prefix: string) => Object.values(params).filter(({ name }) => name.startsWith(prefix));
  const forD = makeOptimizer(spec, named('d'));
  const forG = makeOptimizer(spec, named('g'));
  return (batch) => {
    const p = lookup<Tensor>(params);
    const fake = detach(generate(p, batch('z1')));
    const onReal = mean(softplus(neg(discriminate(p, batch('x')))));
    const lossD = add(onReal, mean(softplus(discriminate(p, fake))));
    const updatesOfD = forD.update(grad(lossD, forD.params));
    const after = new Map<Tensor, Tensor>(updatesOfD);
    const newP: Lookup = (name) => after.get(p(name)) ?? p(name);
    const lossG = mean(softplus(neg(discriminate(newP, generate(newP, batch('z2'))))));
    return { loss: add(lossD, lossG), updates: [...updatesOfD, ...forG.update(grad(lossG, forG.params))] };
  };
}

/** A parameter with the shared initial weights, in this library's layout. */
function makeParameter(workload: string, field: Field): Parameter {
  const layout = pytorch(workload, field);
  return new Parameter(layout.shape, nn.init.values(toLibrary(field.data, layout)), { name: field.name });
}

/** How a step gets its batch: as inputs of each call, or by its number from tables on the device. */
interface BatchSource {
  readonly signature: Signature;
  batch(inputs: Lookup): Lookup;
  data(i: number): InputData<Signature>;
  readonly note: string;
}

const hostArray = (field: Field): TypedArray => toLibrary(field.data, imagesFirst(field));

function uploadedBatches(batches: Shared['batches']): BatchSource {
  const arrays = batches.map((batch) => mapValues(batch, hostArray));
  return {
    signature: mapValues(batches[0]!, (field) =>
      (field.dtype === 'int32' ? i32 : f32)(...imagesFirst(field).shape),
    ),
    batch: (inputs) => inputs,
    data: (i) => arrays[i % arrays.length]!,
    note: 'each batch is uploaded with its step',
  };
}

function residentBatches(batches: Shared['batches']): BatchSource {
  const tables = mapValues(batches[0]!, (first, name) => {
    const rows = batches.map((batch) => hostArray(batch[name]!));
    const size = first.data.length;
    const all =
      first.dtype === 'int32' ? new Int32Array(rows.length * size) : new Float32Array(rows.length * size);
    rows.forEach((row, i) => all.set(row, i * size));
    return new Parameter([rows.length, size], nn.init.values(all), {
      name: `batches.${name}`,
      dtype: first.dtype === 'int32' ? 'i32' : 'f32',
      trainable: false,
    });
  });
  const numbers = batches.map((_, i) => ({ number: Int32Array.of(i) }));
  return {
    signature: { number: i32() },
    batch: (inputs) => (name) =>
      reshape(embedding(lookup(tables)(name), inputs('number')), imagesFirst(batches[0]![name]!).shape),
    data: (i) => numbers[i % numbers.length]!,
    note: 'batches stay on the device; each step copies one out of a table by its number',
  };
}

/** The member `profile` of a step that runs on a GPU. */
const profiler = <S extends Signature, O>(step: Step<S, O>, inputs: InputData<S>): Pick<Runner, 'profile'> =>
  step.stats ? { profile: () => profile(step, inputs) } : {};

async function buildTraining(
  device: Device,
  library: string,
  shared: Shared,
  { data }: BuildOptions,
): Promise<Runner> {
  const { name, spec, batches } = shared;
  const params = mapValues(shared.params, (field) => makeParameter(name, field));
  const loss = losses[name];
  if (!loss && name !== 'gan') throw new NotImplemented(library, name);
  const buildStep = loss ? ordinaryStep(loss, spec, params) : ganStep(spec.opt!, params);
  const source = data === 'resident' ? residentBatches(batches) : uploadedBatches(batches);
  const step = await compile(device, source.signature, (inputs) => {
    const { loss: value, updates } = buildStep(source.batch(lookup(inputs)));
    return { outputs: { loss: value }, updates };
  });
  let last: Value | null = null;
  return {
    async step(i) {
      last = (await step(source.data(i))).loss;
    },
    loss: () => last!.item(),
    finish: gpuDone,
    async parameters() {
      const result: Record<string, Float32Array> = {};
      for (const [parameter, field] of Object.entries(shared.params))
        result[parameter] = toShared(
          (await params[parameter]!.read(device)) as Float32Array,
          pytorch(name, field),
        );
      return result;
    },
    output: unused,
    ...profiler(step, source.data(0)),
    dispose: () => device.destroy(),
    notes: [source.note],
  };
}

/** The result goes to a parameter: it stays on the device, as the other libraries' results do. */
async function buildForward(device: Device, { spec, batches }: Shared): Promise<Runner> {
  const inputs = mapValues(
    batches[0]!,
    ({ name, data, shape }) => new Parameter(shape, nn.init.values(data), { name, trainable: false }),
  );
  const run = lookup(forwardOps)(spec.op!);
  const { shape } = run(lookup(inputs));
  const result = new Parameter(shape, nn.init.zeros, { name: 'result', trainable: false });
  const step = await compile(device, {}, () => ({ outputs: {}, updates: [[result, run(lookup(inputs))]] }));
  return {
    step: async () => void (await step({})),
    finish: gpuDone,
    output: async () => (await result.read(device)) as Float32Array,
    ...profiler(step, {}),
    loss: unused,
    parameters: unused,
    dispose: () => device.destroy(),
  };
}

/** The adapter of this library on the device that `open` gives. */
export function makeAdapter(name: string, open: () => Promise<Device>): Adapter {
  let device: Device | null = null;
  return {
    name,
    version: 'working tree',
    async init() {
      device = await open();
      return device.name;
    },
    build: (shared, options) =>
      shared.spec.kind === 'forward'
        ? buildForward(device!, shared)
        : buildTraining(device!, name, shared, options),
  };
}
