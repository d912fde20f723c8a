import { ArgumentError, requireOneOf, type Initializer, type Shape } from '../graph/index.ts';

/**
 * Fan-in and fan-out of a weight (PyTorch's `_calculate_fan_in_and_fan_out`): in and out times the elements of
 * the receptive field.
 *
 * @param shape [out, in, ...receptive field]
 * @throws ArgumentError for fewer than two axes
 */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) throw new ArgumentError('fans', 'a weight with at least two axes', shape);
  const field = shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** What follows a layer, for `gain`. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu';

/** PyTorch's gains: 1 for linear and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky relu. @throws ArgumentError for others */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  requireOneOf('gain', 'nonlinearity', ['linear', 'sigmoid', 'tanh', 'relu', 'leakyRelu'], nonlinearity);
  if (nonlinearity === 'tanh') return 5 / 3;
  if (nonlinearity === 'relu') return Math.SQRT2;
  return nonlinearity === 'leakyRelu' ? Math.sqrt(2 / (1 + slope * slope)) : 1;
}

/** All zeros. */
export const zeros: Initializer = (shape) => new Float32Array(count(shape));
/** All ones. */
export const ones: Initializer = (shape) => new Float32Array(count(shape)).fill(1);
/** All `value`. */
export const constantInit =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(count(shape)).fill(value);
/** Given values, in C order; as many as the parameter has elements. */
export const values =
  (data: ArrayLike<number>): Initializer =>
  () =>
    data;
/** Independent normals N(mean, std²). */
export const normalInit =
  (std = 1, mean = 0): Initializer =>
  (shape, random) =>
    Float32Array.from({ length: count(shape) }, () => mean + std * random.normal());
/** Uniform in [low, high). */
export const uniformInit =
  (low = 0, high = 1): Initializer =>
  (shape, random) =>
    Float32Array.from({ length: count(shape) }, () => low + (high - low) * random.uniform());

export interface XavierOptions {
  /** Multiplies the standard deviation; see `gain`. */
  gain?: number;
}

/** N(0, gain² · 2 / (fanIn + fanOut)) (Glorot and Bengio 2010; notes 4.1.2). @throws ArgumentError, see `fans` */
export const xavierNormal =
  ({ gain: g = 1 }: XavierOptions = {}): Initializer =>
  (shape, random) =>
    normalInit(g * xavierStd(shape))(shape, random);
/** Uniform with the variance of `xavierNormal`: ±gain √(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, eq. 16). */
export const xavierUniform =
  ({ gain: g = 1 }: XavierOptions = {}): Initializer =>
  (shape, random) =>
    symmetric(g * xavierStd(shape))(shape, random);

export interface KaimingOptions {
  mode?: 'fanIn' | 'fanOut';
  nonlinearity?: Nonlinearity;
  /** Slope of a leaky relu. */
  slope?: number;
}

/** N(0, gain² / fan) (He et al. 2015; notes 4.1.1 without their stray factor 2). @throws ArgumentError, see `fans` */
export const kaimingNormal =
  (options: KaimingOptions = {}): Initializer =>
  (shape, random) =>
    normalInit(kaimingStd(shape, options))(shape, random);
/** Uniform with the variance of `kaimingNormal`: ±gain √(3 / fan). */
export const kaimingUniform =
  (options: KaimingOptions = {}): Initializer =>
  (shape, random) =>
    symmetric(kaimingStd(shape, options))(shape, random);

/** Uniform ±1/√fanIn: PyTorch's default for the weights and biases of linear and convolution layers. */
export const fanInUniform = (fanIn: number): Initializer =>
  uniformInit(-1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));

const count = (shape: Shape) => shape.reduce((a, b) => a * b, 1);
const symmetric = (std: number) => uniformInit(-Math.sqrt(3) * std, Math.sqrt(3) * std);

/** Standard deviation √(2 / (fanIn + fanOut)) of `xavierNormal` with gain 1. @throws ArgumentError, see `fans` */
export function xavierStd(shape: Shape): number {
  const { fanIn, fanOut } = fans(shape);
  return Math.sqrt(2 / (fanIn + fanOut));
}

/** Standard deviation gain / √fan of `kaimingNormal`. @throws ArgumentError, see `fans`, and for unknown options */
export function kaimingStd(
  shape: Shape,
  { mode = 'fanIn', nonlinearity = 'relu', slope = 0.01 }: KaimingOptions = {},
): number {
  requireOneOf('kaimingStd', 'mode', ['fanIn', 'fanOut'], mode);
  return gain(nonlinearity, slope) / Math.sqrt(fans(shape)[mode]);
}
