// Axes out of range, sizes that are none, and empty tensors: every public op that has such a parameter throws a typed
// error at the call. A new op without an entry is a type error.
import { describe, expect, test } from 'vitest';
import * as ops from '../../src/ops/public.ts';
import {
  ArgumentError,
  ChainruleError,
  compile,
  cpu,
  data,
  DTypeError,
  f32,
  nn,
  optim,
  Parameter,
  ShapeError,
  type Tensor,
} from '../../src/index.ts';
import { input } from '../../src/ops/index.ts';

type Calls = Readonly<Record<string, () => unknown>>;

const x = input('x', [2, 3], 'f32');
const ints = input('i', [2, 3], 'i32');
const flags = input('b', [2, 3], 'bool');
const image = input('image', [2, 4, 6, 6], 'f32');
const row = input('row', [2, 4, 6], 'f32');
const weight = input('weight', [4, 4, 3, 3], 'f32');
const rowWeight = input('rowWeight', [4, 4, 3], 'f32');
const empty = (...shape: number[]) => input('empty', shape, 'f32');
const noRows = empty(0, 3);
const noColumns = empty(2, 0);
const noKeys = empty(2, 4, 0, 6);
const pixels = input('pixels', [2, 4, 6, 6], 'i32');
const adding = (carry: Tensor, step: Tensor) => [ops.add(carry, step), carry] as const;

/** Calls with each of these arguments in one place. */
const each = (what: string, values: readonly number[], call: (value: number) => unknown): Calls =>
  Object.fromEntries(values.map((value) => [`${what} ${value}`, () => call(value)]));

/** Of a tensor with two axes. */
const axes = (call: (axis: number) => unknown) => each('axis', [2, -3, 0.5, NaN], call);
const sizes = (call: (size: number) => unknown, what = 'size') => each(what, [-1, 1.5, NaN, Infinity], call);
const positive = (what: string, call: (size: number) => unknown) => ({
  ...each(what, [0], call),
  ...sizes(call, what),
});

/** Options of windows that slide over images; `call` gets one of them. */
const windows = (call: (options: Readonly<Record<string, number>>) => unknown): Calls => ({
  ...positive('stride', (stride) => call({ stride })),
  ...sizes((padding) => call({ padding }), 'padding'),
});
const convolution = (call: (options: Readonly<Record<string, number>>) => unknown): Calls => ({
  ...windows(call),
  ...positive('dilation', (dilation) => call({ dilation })),
  ...positive('groups', (groups) => call({ groups })),
});

type FunctionName = {
  [K in keyof typeof ops]: (typeof ops)[K] extends (...args: never[]) => unknown ? K : never;
}[keyof typeof ops];

/** Ops of one or several tensors, without an argument that is an axis or a size. */
const NONE: Calls = {};

const CALLS: { readonly [Name in FunctionName]: Calls } = {
  // --- Reductions
  sum: {
    ...axes((axis) => ops.sum(x, { axes: axis })),
    ...axes((axis) => ops.sum(x, { axes: [0, axis] })),
    'an axis twice': () => ops.sum(x, { axes: [0, -2] }),
  },
  mean: {
    ...axes((axis) => ops.mean(x, { axes: axis })),
    'an axis twice': () => ops.mean(x, { axes: [0, -2] }),
    'no rows': () => ops.mean(noRows),
    'rows of no elements': () => ops.mean(noColumns, { axes: 1 }),
  },
  variance: {
    ...axes((axis) => ops.variance(x, { axes: axis })),
    'an axis twice': () => ops.variance(x, { axes: [0, -2] }),
    'no rows': () => ops.variance(noRows, { axes: 0 }),
    'one element, unbiased': () => ops.variance(empty(1, 3), { axes: 0, correction: 1 }),
    'a correction that is no number': () => ops.variance(x, { correction: NaN }),
  },
  max: {
    ...axes((axis) => ops.max(x, { axes: axis })),
    'an axis twice': () => ops.max(x, { axes: [0, -2] }),
    'no rows': () => ops.max(noRows, { axes: 0 }),
    'nothing at all': () => ops.max(noColumns),
  },
  min: {
    ...axes((axis) => ops.min(x, { axes: axis })),
    'an axis twice': () => ops.min(x, { axes: [0, -2] }),
    'no rows': () => ops.min(noRows, { axes: 0 }),
    'nothing at all': () => ops.min(noColumns),
    bool: () => ops.min(flags),
  },
  argmax: {
    ...axes((axis) => ops.argmax(x, axis)),
    'rows of no elements': () => ops.argmax(noColumns),
  },
  softmax: { ...axes((axis) => ops.softmax(x, axis)), 'no elements': () => ops.softmax(noColumns) },
  logSoftmax: { ...axes((axis) => ops.logSoftmax(x, axis)), 'no elements': () => ops.logSoftmax(noColumns) },
  logSumExp: {
    ...axes((axis) => ops.logSumExp(x, axis)),
    'no elements': () => ops.logSumExp(noColumns),
    'whole numbers': () => ops.logSumExp(ints),
  },

  // --- Shapes
  reshape: {
    ...sizes((size) => ops.reshape(x, [size, 2.5])),
    'another number of elements': () => ops.reshape(x, [7]),
    'none instead of some': () => ops.reshape(x, [0]),
    'an open size beside 0': () => ops.reshape(noRows, [0, -1]),
    'two open sizes': () => ops.reshape(x, [-1, -1]),
  },
  flatten: { ...axes((axis) => ops.flatten(x, axis)), 'a scalar': () => ops.flatten(ops.fill(1)) },
  permute: {
    ...axes((axis) => ops.permute(x, [0, axis])),
    'too few axes': () => ops.permute(x, [0]),
    'an axis twice': () => ops.permute(x, [0, -2]),
  },
  transpose: {
    ...axes((axis) => ops.transpose(x, axis, 0)),
    ...axes((axis) => ops.transpose(x, 0, axis)),
    'a vector': () => ops.transpose(empty(3)),
  },
  broadcast: {
    ...sizes((size) => ops.broadcast(empty(1), [size])),
    'fewer axes': () => ops.broadcast(x, [3]),
    'another size': () => ops.broadcast(x, [2, 4]),
    'none instead of some': () => ops.broadcast(x, [0, 3]),
  },
  slice: {
    ...each('start', [0.5, NaN], (start) => ops.slice(x, [[start, 2]])),
    ...each('end', [0.5, NaN], (end) => ops.slice(x, [[0, end]])),
    ...positive('step', (step) => ops.slice(x, [[0, 2, step]])),
    'more ranges than axes': () => ops.slice(x, [null, null, null]),
  },
  pad: {
    ...sizes(
      (size) =>
        ops.pad(x, [
          [0, 0],
          [size, 0],
        ]),
      'before',
    ),
    ...sizes(
      (size) =>
        ops.pad(x, [
          [0, 0],
          [0, size],
        ]),
      'after',
    ),
    ...sizes(
      (size) =>
        ops.pad(x, [
          [0, 0],
          [0, 0, size],
        ]),
      'between',
    ),
    'fewer pairs than axes': () => ops.pad(x, [[0, 0]]),
  },
  concat: {
    ...axes((axis) => ops.concat([x, x], axis)),
    'an empty list': () => ops.concat([]),
    'tensors of different rank': () => ops.concat([x, empty(3)], 0),
  },
  stack: {
    ...each('axis', [3, -4, 0.5, NaN], (axis) => ops.stack([x, x], axis)),
    'an empty list': () => ops.stack([]),
    'tensors of different shapes': () => ops.stack([x, noRows]),
  },

  // --- Indices
  gather: {
    ...axes((axis) => ops.gather(x, ints, axis)),
    'an index of another rank': () => ops.gather(x, input('i', [2], 'i32'), 0),
  },
  scatterAdd: {
    ...axes((axis) => ops.scatterAdd(ints, x, axis, 3)),
    ...positive('size', (size) => ops.scatterAdd(ints, x, 0, size)),
    'an index of another rank': () => ops.scatterAdd(input('i', [2], 'i32'), x, 0, 3),
  },
  embedding: { 'a table with one axis': () => ops.embedding(empty(3), ints) },
  oneHot: {
    ...positive('classes', (classes) => ops.oneHot(ints, classes)),
    'indices that are no integers': () => ops.oneHot(x, 3),
  },

  // --- Sources
  constant: {
    ...sizes((size) => ops.constant([1, 2], [size])),
    'two negative sizes': () => ops.constant([1, 2], [-1, -2]),
    'too few elements': () => ops.constant([1, 2], [3]),
    'too many elements': () => ops.constant([1, 2], [0]),
  },
  fill: sizes((size) => ops.fill(1, [2, size])),
  iota: { ...axes((axis) => ops.iota([2, 3], axis)), ...sizes((size) => ops.iota([size], 0)) },
  uniform: sizes((size) => ops.uniform([2, size])),
  normal: sizes((size) => ops.normal([2, size])),
  randomBits: sizes((size) => ops.randomBits([2, size])),
  bernoulli: {
    ...sizes((size) => ops.bernoulli(0.5, [2, size])),
    ...each('p', [-0.1, 1.1, NaN], (p) => ops.bernoulli(p, [2])),
  },

  // --- Matrix products and images
  matmul: {
    'a vector': () => ops.matmul(empty(3), x),
    'other inner sizes': () => ops.matmul(x, x),
    'none against some': () => ops.matmul(noColumns, x),
  },
  linear: {
    'a scalar': () => ops.linear(ops.fill(1), x),
    'none against some': () => ops.linear(noColumns, x),
    'a bias of another size': () => ops.linear(x, x, empty(3)),
  },
  conv1d: {
    ...convolution((options) => ops.conv1d(row, rowWeight, null, options)),
    'groups that do not divide the channels': () => ops.conv1d(row, rowWeight, null, { groups: 3 }),
    'a kernel larger than the image': () => ops.conv1d(empty(1, 4, 2), rowWeight),
    'an empty image': () => ops.conv1d(empty(1, 4, 0), rowWeight),
  },
  conv2d: {
    ...convolution((options) => ops.conv2d(image, weight, null, options)),
    'groups that do not divide the channels': () => ops.conv2d(image, weight, null, { groups: 3 }),
    'a kernel larger than the image': () => ops.conv2d(empty(1, 4, 2, 6), weight),
    'an empty image': () => ops.conv2d(empty(1, 4, 0, 6), weight),
    'no channels': () => ops.conv2d(empty(1, 0, 6, 6), weight),
  },
  convTranspose1d: {
    ...convolution((options) => ops.convTranspose1d(row, rowWeight, null, options)),
    'groups that do not divide the channels': () => ops.convTranspose1d(row, rowWeight, null, { groups: 3 }),
    ...sizes(
      (outputPadding) => ops.convTranspose1d(row, rowWeight, null, { outputPadding }),
      'outputPadding',
    ),
  },
  convTranspose2d: {
    ...convolution((options) => ops.convTranspose2d(image, weight, null, options)),
    'groups that do not divide the channels': () => ops.convTranspose2d(image, weight, null, { groups: 3 }),
    ...sizes((outputPadding) => ops.convTranspose2d(image, weight, null, { outputPadding }), 'outputPadding'),
    'an empty result': () => ops.convTranspose2d(empty(1, 4, 1, 1), weight, null, { padding: 2 }),
  },
  maxPool1d: {
    ...positive('kernel', (kernel) => ops.maxPool1d(row, kernel)),
    ...windows((options) => ops.maxPool1d(row, 2, options)),
    'an image smaller than the window': () => ops.maxPool1d(row, 7),
  },
  maxPool2d: {
    ...positive('kernel', (kernel) => ops.maxPool2d(image, kernel)),
    ...windows((options) => ops.maxPool2d(image, 2, options)),
    'an image smaller than the window': () => ops.maxPool2d(image, 7),
    'more padding than half a window': () => ops.maxPool2d(image, 3, { padding: 2 }),
  },
  maxPool2dIndices: {
    ...positive('kernel', (kernel) => ops.maxPool2dIndices(image, kernel)),
    ...windows((options) => ops.maxPool2dIndices(image, 2, options)),
    'an image smaller than the window': () => ops.maxPool2dIndices(image, 7),
  },
  maxUnpool2d: {
    ...positive('kernel', (kernel) => ops.maxUnpool2d(image, pixels, kernel)),
    ...each('height', [11, 14, 12.5, NaN], (h) => ops.maxUnpool2d(image, pixels, 2, { outputSize: [h, 12] })),
    'an index of another shape': () => ops.maxUnpool2d(image, ints, 2),
  },
  avgPool1d: {
    ...positive('kernel', (kernel) => ops.avgPool1d(row, kernel)),
    ...windows((options) => ops.avgPool1d(row, 2, options)),
    'an image smaller than the window': () => ops.avgPool1d(row, 7),
  },
  avgPool2d: {
    ...positive('kernel', (kernel) => ops.avgPool2d(image, kernel)),
    ...windows((options) => ops.avgPool2d(image, 2, options)),
    'an image smaller than the window': () => ops.avgPool2d(image, 7),
    'more padding than half a window': () => ops.avgPool2d(image, 3, { padding: 2 }),
  },
  globalAvgPool2d: {
    'three axes': () => ops.globalAvgPool2d(row),
    'an empty image': () => ops.globalAvgPool2d(empty(1, 4, 0, 6)),
  },
  upsample: {
    ...positive('scale', (scale) => ops.upsample(image, { scale })),
    ...positive('size', (size) => ops.upsample(image, { size })),
    'an empty image': () => ops.upsample(empty(1, 4, 0, 6), { size: 2 }),
  },

  // --- Normalisation, attention and loops
  batchNorm: {
    'one axis': () => ops.batchNorm(empty(3)),
    'one value per channel': () => ops.batchNorm(empty(1, 3)),
    'an empty batch': () => ops.batchNorm(noRows),
    'a weight of another size': () => ops.batchNorm(x, empty(2)),
  },
  layerNorm: {
    ...positive('size', (size) => ops.layerNorm(x, size)),
    'no axes': () => ops.layerNorm(x, []),
    'more axes than there are': () => ops.layerNorm(x, [1, 2, 3]),
    'a row of no elements': () => ops.layerNorm(noColumns, 0),
    'a weight of another size': () => ops.layerNorm(x, 3, empty(2)),
  },
  groupNorm: {
    ...positive('groups', (groups) => ops.groupNorm(image, groups)),
    'groups that do not divide the channels': () => ops.groupNorm(image, 3),
    'one axis': () => ops.groupNorm(empty(4), 2),
    'an empty image': () => ops.groupNorm(empty(2, 4, 0), 2),
  },
  scaledDotProductAttention: {
    'three axes': () => ops.scaledDotProductAttention(row, row, row),
    'no keys': () => ops.scaledDotProductAttention(image, noKeys, noKeys),
    'no queries': () => ops.scaledDotProductAttention(noKeys, image, image),
    'keys of another width': () => ops.scaledDotProductAttention(image, empty(2, 4, 6, 5), image),
    'fewer values than keys': () => ops.scaledDotProductAttention(image, image, empty(2, 4, 5, 6)),
    ...each('dropout', [-0.1, 1, NaN], (dropout) =>
      ops.scaledDotProductAttention(image, image, image, { dropout }),
    ),
  },
  attentionWeights: {
    'three axes': () => ops.attentionWeights(row, row),
    'no keys': () => ops.attentionWeights(image, noKeys),
    'keys of another width': () => ops.attentionWeights(image, empty(2, 4, 6, 5)),
  },
  scan: {
    'no steps': () => ops.scan(adding, empty(3), noRows),
    'a scalar to go through': () => ops.scan(adding, empty(3), ops.fill(1)),
    'nothing to go through': () => ops.scan((carry) => [carry, carry], empty(3), []),
    'inputs of different lengths': () => ops.scan((carry) => [carry, carry], empty(3), [x, empty(4, 3)]),
    'a carry that changes its shape': () => ops.scan((carry) => [ops.sum(carry), carry], empty(3), x),
    ...each('length', [0, -1, 3], (length) =>
      ops.scan(adding, empty(1, 3), input('xs', [2, 1, 3], 'f32'), {
        lengths: ops.constant(Int32Array.of(length)),
      }),
    ),
    'lengths of another batch': () =>
      ops.scan(adding, empty(1, 3), input('xs', [2, 1, 3], 'f32'), { lengths: input('n', [2], 'i32') }),
  },

  // --- Element by element
  abs: NONE,
  add: NONE,
  and: NONE,
  atan: NONE,
  cast: NONE,
  clamp: NONE,
  cos: NONE,
  detach: NONE,
  div: NONE,
  eq: NONE,
  erf: NONE,
  exp: NONE,
  floor: NONE,
  ge: NONE,
  gelu: NONE,
  gt: NONE,
  hostScalar: NONE,
  le: NONE,
  leakyRelu: NONE,
  log: NONE,
  lt: NONE,
  maximum: NONE,
  minimum: NONE,
  mul: NONE,
  ne: NONE,
  neg: NONE,
  not: NONE,
  or: NONE,
  pow: NONE,
  relu: NONE,
  sigmoid: NONE,
  sign: NONE,
  silu: NONE,
  sin: NONE,
  softplus: NONE,
  sqrt: NONE,
  square: NONE,
  sub: NONE,
  tanh: NONE,
  where: NONE,
  zerosLike: NONE,
};

/** Compositions that leave it to the op they call to complain. */
const COMPLAINS: Readonly<Record<string, string>> = {
  conv1d: 'conv2d',
  convTranspose1d: 'convTranspose2d',
  maxPool1d: 'maxPool2d',
  maxPool2dIndices: 'maxPool2d',
  maxUnpool2d: 'pad',
  avgPool1d: 'avgPool2d',
  globalAvgPool2d: 'mean',
  layerNorm: 'mean',
  groupNorm: 'mean',
  batchNorm: 'mean',
};

/** What `call` throws while a function is traced, where random ops work. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  let thrown: unknown;
  await compile(cpu(), {}, () => {
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    return { outputs: { y: ops.fill(0) } };
  });
  return thrown;
}

describe.each(Object.entries(CALLS).filter(([, calls]) => calls !== NONE))('%s refuses', (op, calls) => {
  test.each(Object.entries(calls))('%s', async (_, call) => {
    const error = await thrownBy(call);
    expect(error).toBeInstanceOf(ChainruleError);
    expect([ArgumentError, ShapeError, DTypeError].some((type) => error instanceof type)).toBe(true);
    expect((error as Error).message).toMatch(new RegExp(`^(${op}|${COMPLAINS[op]}): expected .+, got .+`));
  });
});

const noLabels = input('labels', [0], 'i32');
const LOSSES: Readonly<Record<string, (reduction: nn.Reduction) => Tensor>> = {
  mse: (reduction) => nn.mse(noRows, noRows, { reduction }),
  l1: (reduction) => nn.l1(noRows, noRows, { reduction }),
  huber: (reduction) => nn.huber(noRows, noRows, { reduction }),
  bce: (reduction) => nn.bce(noRows, noRows, { reduction }),
  bceWithLogits: (reduction) => nn.bceWithLogits(noRows, noRows, { reduction }),
  crossEntropy: (reduction) => nn.crossEntropy(noRows, noLabels, { reduction }),
  'crossEntropy with a distribution': (reduction) => nn.crossEntropy(noRows, noRows, { reduction }),
  'crossEntropy without classes': (reduction) =>
    nn.crossEntropy(noColumns, input('labels', [2], 'i32'), { reduction }),
  nll: (reduction) => nn.nll(noRows, noLabels, { reduction }),
  gaussianNll: (reduction) => nn.gaussianNll(noRows, ops.fill(0), noRows, { reduction }),
  gaussianNllVariance: (reduction) => nn.gaussianNllVariance(noRows, ops.fill(1), noRows, { reduction }),
  klStandardNormal: (reduction) => nn.klStandardNormal(noRows, noRows, { reduction }),
};

describe.each(Object.entries(LOSSES))('an empty batch is refused by %s', (_, loss) => {
  test.each(['mean', 'sum', 'batchmean', 'none'] as const)('for reduction %s', (reduction) => {
    expect(() => loss(reduction)).toThrow(ShapeError);
  });
});

/** Options with a few possible values, misspelt: `as never` lets them through the types, as JavaScript does. */
const CHOICES: readonly (readonly [name: string, call: () => unknown, message: string])[] = [
  [
    'nn.RNN',
    () => new nn.RNN(2, 3, { nonlinearity: 'sin' as never }),
    "RNN: expected nonlinearity 'tanh' or 'relu', got sin",
  ],
  [
    'nn.RNNCell',
    () => new nn.RNNCell(2, 3, { nonlinearity: 'toString' as never }),
    "RNNCell: expected nonlinearity 'tanh' or 'relu', got toString",
  ],
  [
    'nn.TransformerEncoderLayer',
    () => new nn.TransformerEncoderLayer(8, 2, { activation: 'toString' as never }),
    "TransformerEncoderLayer: expected activation 'relu' or 'gelu', got toString",
  ],
  ['gelu', () => ops.gelu(x, 'exact' as never), "gelu: expected approximate 'none' or 'tanh', got exact"],
  [
    'upsample',
    () => ops.upsample(image, { scale: 2, mode: 'bicubic' as never }),
    "upsample: expected mode 'nearest' or 'bilinear', got bicubic",
  ],
  [
    'nn.init.gain',
    () => nn.init.gain('leaky_relu' as never),
    "gain: expected nonlinearity 'linear', 'sigmoid', 'tanh', 'relu' or 'leakyRelu', got leaky_relu",
  ],
  [
    'nn.init.kaimingStd',
    () => nn.init.kaimingStd([2, 3], { mode: 'fan_out' as never }),
    "kaimingStd: expected mode 'fanIn' or 'fanOut', got fan_out",
  ],
  [
    'optim.EarlyStopping',
    () => new optim.EarlyStopping(new nn.ReLU(), cpu(), { mode: 'minimum' as never }),
    "EarlyStopping: expected mode 'min' or 'max', got minimum",
  ],
  [
    'optim.Muon',
    () => {
      const p = new Parameter([2, 3], nn.init.zeros, { name: 'p' });
      new optim.Muon([p], { lr: 1, adjustLr: 'none' as never }).update([x]);
    },
    "Muon: expected adjustLr 'original' or 'matchRmsAdamW', got none",
  ],
  [
    'data.batches',
    () => data.batches({ x: new Float32Array(6) }, { rows: 6, batch: 4, last: 'skip' as never }),
    "batches: expected last 'keep', 'drop' or 'pad', got skip",
  ],
];

test.each(CHOICES)('%s refuses an option that is none of its choices', (_, call, message) => {
  expect(call).toThrow(ArgumentError);
  expect(call).toThrow(message);
});

test('a step refuses an empty batch', async () => {
  const step = await compile(cpu(), { x: f32(2, 3) }, ({ x }) => ({
    outputs: { y: ops.sum(x, { axes: 1 }) },
  }));
  await expect(step({ x: new Float32Array(0) })).rejects.toThrow(ArgumentError);
});
