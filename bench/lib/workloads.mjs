// @ts-check
// The workloads: shapes, initial weights, data and hyper-parameters, the same bytes for every library.

/** @typedef {import('./types.ts').Workload} Workload */
/** @typedef {import('./types.ts').Shared} Shared */
/** @typedef {import('./types.ts').Field} Field */
/** @typedef {[name: string, shape: number[], std: number | 'ones']} ParameterSpec */

/** Batches on the device; step i uses batch i modulo this. */
const BATCHES = 4;

/** Standard deviations of initial weights by their number of inputs. @type {(inputs: number) => number} */
const he = (inputs) => Math.sqrt(2 / inputs);
/** @type {(inputs: number) => number} */
const lecun = (inputs) => Math.sqrt(1 / inputs);

const adam = { kind: 'adam', lr: 1e-3, b1: 0.9, b2: 0.999, eps: 1e-7 };

/** Three residual blocks of two 3×3 convolutions with batch norm. @returns {ParameterSpec[]} */
function resnetParameters() {
  /** @type {ParameterSpec[]} */
  const parameters = [];
  for (let block = 0; block < 3; block++)
    for (let conv = 0; conv < 2; conv++)
      parameters.push(
        [`k${block}${conv}`, [3, 3, 16, 16], he(144)],
        [`g${block}${conv}`, [16], 'ones'],
        [`b${block}${conv}`, [16], 0],
      );
  return [...parameters, ['w', [16, 10], lecun(16)], ['bias', [10], 0]];
}

/** A causal transformer with pre-norm blocks. @returns {ParameterSpec[]} */
function transformerParameters(vocabulary = 65, length = 64, width = 128, layers = 2) {
  /** @type {ParameterSpec[]} */
  const parameters = [
    ['tok', [vocabulary, width], 0.1],
    ['pos', [length, width], 0.1],
  ];
  for (let layer = 0; layer < layers; layer++)
    parameters.push(
      [`ln1g${layer}`, [width], 'ones'],
      [`ln1b${layer}`, [width], 0],
      [`qkv${layer}`, [width, 3 * width], lecun(width)],
      [`qkvb${layer}`, [3 * width], 0],
      [`proj${layer}`, [width, width], lecun(width) * 0.5],
      [`projb${layer}`, [width], 0],
      [`ln2g${layer}`, [width], 'ones'],
      [`ln2b${layer}`, [width], 0],
      [`fc${layer}`, [width, 4 * width], he(width)],
      [`fcb${layer}`, [4 * width], 0],
      [`out${layer}`, [4 * width, width], lecun(4 * width) * 0.5],
      [`outb${layer}`, [width], 0],
    );
  return [
    ...parameters,
    ['lnfg', [width], 'ones'],
    ['lnfb', [width], 0],
    ['head', [width, vocabulary], lecun(width)],
  ];
}

/**
 * One forward matrix product, m × k by k × n. `TN`: the first operand is stored as its transpose; `NT`: the second.
 *
 * @type {(transposes: 'NN' | 'TN' | 'NT', m: number, k: number, n: number) => Workload}
 */
const matmul = (transposes, m, k, n) => ({
  kind: 'forward',
  op: `matmul${transposes}`,
  data: [
    ['a', transposes === 'TN' ? [k, m] : [m, k], 'normal'],
    ['b', transposes === 'NT' ? [n, k] : [k, n], 'normal'],
  ],
  sizes: { m, k, n },
  flop: 2 * m * k * n,
});

/** One forward op over 1024 × 1024 elements. @type {(op: string, inputs: string[], bytes: number) => Workload} */
const elements = (op, inputs, bytes) => ({
  kind: 'forward',
  op,
  data: inputs.map((name) => [name, [1024, 1024], 'normal']),
  bytes,
});

const MATRIX_BYTES = 4 * 1024 * 1024;

/**
 * Convolution kernels are HWIO, dense weights [in, out], images NHWC. `flop` counts the matrix products and
 * convolutions of a step, without the gradient of the input data; `bytes` what a forward op must move.
 *
 * @type {Record<string, Workload>}
 */
export const WORKLOADS = {
  matmul256: matmul('NN', 256, 256, 256),
  matmul512: matmul('NN', 512, 512, 512),
  matmul1024: matmul('NN', 1024, 1024, 1024),
  matmulNN: matmul('NN', 128, 784, 256), // the MLP's first layer
  matmulTN: matmul('TN', 784, 128, 256), // the gradient of its weight
  matmulNT: matmul('NT', 512, 512, 128), // the gradient of the input of the transformer's first feed-forward layer
  mlp: {
    kind: 'train',
    params: [
      ['w1', [784, 256], he(784)],
      ['b1', [256], 0],
      ['w2', [256, 128], he(256)],
      ['b2', [128], 0],
      ['w3', [128, 10], lecun(128)],
      ['b3', [10], 0],
    ],
    data: [
      ['x', [128, 784], 'uniform'],
      ['y', [128], 'int:10'],
    ],
    opt: adam,
    flop: 3 * 2 * 128 * (784 * 256 + 256 * 128 + 128 * 10) - 2 * 128 * 784 * 256,
  },
  cnn: {
    kind: 'train',
    params: [
      ['k1', [3, 3, 1, 16], he(9)],
      ['c1', [16], 0],
      ['k2', [3, 3, 16, 32], he(144)],
      ['c2', [32], 0],
      ['w3', [1568, 128], he(1568)],
      ['b3', [128], 0],
      ['w4', [128, 10], lecun(128)],
      ['b4', [10], 0],
    ],
    data: [
      ['x', [32, 28, 28, 1], 'uniform'],
      ['y', [32], 'int:10'],
    ],
    opt: adam,
    flop: 2 * 2 * 32 * 784 * 9 * 16 + 3 * 2 * 32 * (196 * 144 * 32 + 1568 * 128 + 1280),
  },
  resnet: {
    kind: 'train',
    params: resnetParameters(),
    data: [
      ['x', [32, 16, 16, 16], 'normal'],
      ['y', [32], 'int:10'],
    ],
    opt: { kind: 'sgd', lr: 0.05, momentum: 0.9 },
    flop: (6 * 3 - 1) * 2 * 32 * 256 * 144 * 16,
  },
  lstm: {
    kind: 'train',
    sizes: { steps: 32, batch: 32, inputs: 64, hidden: 128 },
    params: [
      ['wx', [64, 512], lecun(64)],
      ['wh', [128, 512], lecun(128)],
      ['b', [512], 0],
      ['w', [128, 64], lecun(128)],
      ['bo', [64], 0],
    ],
    data: [
      ['x', [32, 32, 64], 'normal'], // [steps, batch, inputs]
      ['y', [32], 'int:64'],
    ],
    opt: adam,
    flop: 2 * 32 * 32 * (2 * 64 + 3 * 128) * 512 + 6 * 32 * 128 * 64,
  },
  transformer: {
    kind: 'train',
    sizes: { batch: 8, length: 64, width: 128, heads: 4, layers: 2 },
    params: transformerParameters(),
    data: [
      ['x', [8, 64], 'int:65'],
      ['y', [8, 64], 'int:65'],
    ],
    opt: adam,
    flop: 6 * 512 * (2 * 12 * 128 * 128 + 128 * 65) + 2 * 3 * 2 * 2 * 8 * 64 * 64 * 128,
    // softmax ignores the bias of the keys, so its gradient is rounding noise, which Adam scales up
    undetermined: ['qkvb0', 'qkvb1'],
  },
  vae: {
    kind: 'train',
    params: [
      ['e1', [784, 256], he(784)],
      ['eb1', [256], 0],
      ['mu', [256, 16], lecun(256)],
      ['mub', [16], 0],
      ['lv', [256, 16], lecun(256) * 0.3],
      ['lvb', [16], 0],
      ['d1', [16, 256], he(16)],
      ['db1', [256], 0],
      ['d2', [256, 784], lecun(256)],
      ['db2', [784], 0],
    ],
    data: [
      ['x', [128, 784], 'binary'],
      ['noise', [128, 16], 'normal'],
    ],
    opt: adam,
    flop: 3 * 2 * 128 * (784 * 256 * 2 + 256 * 32 + 16 * 256) - 2 * 128 * 784 * 256,
  },
  gan: {
    kind: 'train',
    params: [
      ['g1', [64, 256], he(64)],
      ['gb1', [256], 0],
      ['g2', [256, 784], lecun(256)],
      ['gb2', [784], 0],
      ['d1', [784, 256], he(784)],
      ['db1', [256], 0],
      ['d2', [256, 1], lecun(256)],
      ['db2', [1], 0],
    ],
    data: [
      ['x', [64, 784], 'uniform'],
      ['z1', [64, 64], 'normal'],
      ['z2', [64, 64], 'normal'],
    ],
    opt: { ...adam, lr: 2e-4, b1: 0.5 },
    // D's step: G forward, D forward on real and fake, D backward; G's step: G both ways, D forward and to its input
    flop: 2 * 64 * ((64 + 784) * 256 + 2 * 2 * 784 * 256 + 3 * (64 + 784) * 256 + 2 * 784 * 256),
  },
  chain: elements('chain', ['a', 'b'], 3 * MATRIX_BYTES),
  softmax: elements('softmax', ['a'], 2 * MATRIX_BYTES),
  sumrows: elements('sumrows', ['a'], MATRIX_BYTES),
  sumcols: elements('sumcols', ['a'], MATRIX_BYTES),
};

/** Initial weights and batches of a workload. @returns {Shared} */
export function makeShared(/** @type {string} */ name, seed = 1234) {
  const spec = WORKLOADS[name];
  if (!spec) throw new Error(`no workload named ${name}`);
  let nameHash = 7;
  for (let i = 0; i < name.length; i++) nameHash = (nameHash * 31 + name.charCodeAt(i)) | 0;
  const uniform = mulberry32(seed + nameHash);
  // Box and Muller
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

  /** @type {(name: string, shape: number[], std: number | 'ones') => Field} */
  const parameter = (name, shape, std) => {
    const next = std === 'ones' ? () => 1 : std === 0 ? () => 0 : () => normal() * std;
    return { name, shape, dtype: 'float32', data: Float32Array.from({ length: sizeOf(shape) }, next) };
  };
  /** @type {(name: string, shape: number[], kind: string) => Field} */
  const datum = (name, shape, kind) => {
    const length = sizeOf(shape);
    if (kind.startsWith('int:')) {
      const classes = Number(kind.slice('int:'.length));
      const next = () => Math.floor(uniform() * classes);
      return { name, shape, dtype: 'int32', data: Int32Array.from({ length }, next), classes };
    }
    const next = kind === 'normal' ? normal : kind === 'uniform' ? uniform : () => Number(uniform() < 0.3);
    return { name, shape, dtype: 'float32', data: Float32Array.from({ length }, next) };
  };

  const params = Object.fromEntries((spec.params ?? []).map((p) => [p[0], parameter(...p)]));
  const count = spec.kind === 'train' ? BATCHES : 1;
  const batches = Array.from({ length: count }, () =>
    Object.fromEntries(spec.data.map((d) => [d[0], datum(...d)])),
  );
  return { name, spec, params, batches };
}

const sizeOf = (/** @type {number[]} */ shape) => shape.reduce((a, b) => a * b, 1);

/** Tommy Ettinger's 32-bit generator. @returns {() => number} uniform in [0, 1) */
function mulberry32(/** @type {number} */ seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
