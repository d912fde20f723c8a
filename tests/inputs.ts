import { HostRandom, type DType, type Shape, type TypedArray } from '../src/index.ts';

/** A deterministic input of an op case. */
export interface Generator {
  readonly dtype: DType;
  readonly shape: Shape;
  data(): TypedArray;
}

type Draw = (random: HostRandom, i: number) => number;

function generator(kind: string, dtype: DType, shape: Shape, seed: number, draw: Draw): Generator {
  return {
    dtype,
    shape,
    data() {
      const random = new HostRandom(seed, `${kind} ${shape.join('x')}`);
      const length = shape.reduce((a, b) => a * b, 1);
      const values = Array.from({ length }, (_, i) => draw(random, i));
      if (dtype === 'f32') return Float32Array.from(values);
      return dtype === 'i32' ? Int32Array.from(values) : Uint32Array.from(values);
    },
  };
}

/** Standard normals. */
export const normal = (shape: Shape, seed = 1) =>
  generator('normal', 'f32', shape, seed, (random) => random.normal());

/** Uniform in [low, high). */
export const uniform = (shape: Shape, low = -1, high = 1, seed = 1) =>
  generator('uniform', 'f32', shape, seed, (random) => low + (high - low) * random.uniform());

/** Uniform in [0.5, 2): where logarithms, roots and quotients are tame. */
export const positive = (shape: Shape, seed = 1) => uniform(shape, 0.5, 2, seed);

/** Either sign, magnitude in [0.5, 2): away from the kink of abs, relu and sign, and from poles at 0. */
export const nonzero = (shape: Shape, seed = 1) =>
  generator('nonzero', 'f32', shape, seed, (random) => {
    const magnitude = 0.5 + 1.5 * random.uniform();
    return random.uniform() < 0.5 ? -magnitude : magnitude;
  });

/** All different, 0.02 apart and in random order; `offset` moves the lattice, so that two of them never tie. */
export const distinct = (shape: Shape, seed = 1, offset = 0): Generator => ({
  dtype: 'f32',
  shape,
  data() {
    const length = shape.reduce((a, b) => a * b, 1);
    const order = new HostRandom(seed, `distinct ${shape.join('x')}`).permutation(length);
    return Float32Array.from(order, (rank) => 0.02 * (rank - length / 2) + offset);
  },
});

/** Whole numbers in [low, high). */
export const integers = (shape: Shape, low: number, high: number, seed = 1, dtype: 'i32' | 'u32' = 'i32') =>
  generator('integers', dtype, shape, seed, (random) => low + Math.floor((high - low) * random.uniform()));

/** 0 or 1. */
export const booleans = (shape: Shape, seed = 1) =>
  generator('booleans', 'bool', shape, seed, (random) => Number(random.uniform() < 0.5));

/** Multiples of 2^-19 in [-1, 1) that need no random numbers: for tensors of millions of elements. */
export const wave = (shape: Shape): Generator => ({
  dtype: 'f32',
  shape,
  data() {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) data[i] = (Math.imul(i, 0x9e3779b1) >>> 12) / 2 ** 19 - 1;
    return data;
  },
});

/** These values. */
export const values = (data: readonly number[], shape: Shape = [data.length], dtype: DType = 'f32') =>
  generator('values', dtype, shape, 0, (_, i) => data[i]!);
