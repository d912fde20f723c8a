export { broadcast, sum, type ReduceOptions } from './broadcast.ts';
export { conv1d, conv2d, convTranspose2d, type ConvOptions } from './conv.ts';
export { embedding, gather, scatterAdd } from './gather.ts';
export { linear, matmul, type MatmulAttrs } from './matmul.ts';
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
export { avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions } from './pool.ts';
export { bernoulli, normal, randomBits, uniform, type RandomOptions } from './random.ts';
export { argmax, max, mean, min, oneHot, variance } from './reduce.ts';
export { concat, pad, slice, stack, type Range } from './slice.ts';
export { gelu, logSoftmax, logSumExp, silu, softmax } from './softmax.ts';
export { constant, fill, hostScalar, iota, zerosLike } from './source.ts';
export { flatten, permute, reshape, transpose } from './view.ts';
