export {
  attentionWeights,
  scaledDotProductAttention,
  type AttentionOptions,
  type AttentionWeightsOptions,
} from './attention.ts';
export { broadcast, sum, type ReduceOptions } from './broadcast.ts';
export {
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
  type Conv1dOptions,
  type ConvOptions,
} from './conv.ts';
export { embedding, gather, scatterAdd } from './gather.ts';
export { linear, matmul, type MatmulAttrs } from './matmul.ts';
export { batchNorm, groupNorm, layerNorm, type NormOptions } from './norm.ts';
export {
  abs,
  add,
  and,
  atan,
  cast,
  clamp,
  cos,
  detach,
  div,
  eq,
  erf,
  exp,
  floor,
  ge,
  gt,
  le,
  leakyRelu,
  log,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  not,
  or,
  pow,
  relu,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './pointwise.ts';
export {
  avgPool1d,
  avgPool2d,
  globalAvgPool2d,
  maxPool1d,
  maxPool2d,
  maxPool2dIndices,
  maxUnpool2d,
  type Pool1dOptions,
  type PoolOptions,
} from './pool.ts';
export { bernoulli, normal, randomBits, uniform, type RandomOptions } from './random.ts';
export { argmax, max, mean, min, oneHot, variance } from './reduce.ts';
export { scan, type ScanOptions, type Tree } from './scan.ts';
export { concat, pad, slice, stack, type Range } from './slice.ts';
export { gelu, logSoftmax, logSumExp, silu, softmax } from './softmax.ts';
export { constant, fill, hostScalar, iota, zerosLike } from './source.ts';
export { upsample, type UpsampleOptions } from './upsample.ts';
export { flatten, permute, reshape, transpose } from './view.ts';
