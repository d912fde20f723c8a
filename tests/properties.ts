// What property tests share: a fixed seed, arbitrary shapes and tensors, and programs run on this project's backend.
import fc from 'fast-check';
import {
  compile,
  type CompileOptions,
  type Device,
  type DType,
  type Shape,
  type Tensor,
  type TypedArray,
} from '../src/index.ts';
import { sizeOf } from '../src/graph/index.ts';
import { wholeNumbers } from './programs.ts';

/** Programs compile in milliseconds on the reference device and in tens of them on a software adapter. */
const RUNS = __BACKEND__ === 'cpu' ? 60 : 6;

/**
 * Check `holds` for arbitrary values; a failure prints the smallest counterexample found. The seed is fixed, so that a
 * run of CI says something about the change and not about its luck.
 */
export const forAll = <T>(
  values: fc.Arbitrary<T>,
  holds: (value: T) => Promise<void> | void,
  numRuns = RUNS,
): Promise<void> =>
  Promise.resolve(
    fc.assert(
      fc.asyncProperty(values, async (value) => holds(value)),
      { seed: 20, numRuns },
    ),
  );

export const shapes = (minLength: number, maxLength: number, max = 4): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max }), { minLength, maxLength });

/** A shape with some of its axes, each counted from either end. */
export const shapesWithAxes = (
  maxLength: number,
  minAxes = 0,
): fc.Arbitrary<{ shape: number[]; axes: number[] }> =>
  shapes(1, maxLength, 5).chain((shape) =>
    fc
      .tuple(
        fc.subarray(
          shape.map((_, axis) => axis),
          { minLength: minAxes },
        ),
        fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      )
      .map(([axes, negative]) => ({
        shape,
        axes: axes.map((axis) => (negative[axis] ? axis - shape.length : axis)),
      })),
  );

export const permutations = (length: number): fc.Arbitrary<number[]> => {
  const order = Array.from({ length }, (_, i) => i);
  return fc.shuffledSubarray(order, { minLength: length, maxLength: length });
};

/** Elements in C order beside their shape. */
export interface Elements {
  readonly shape: Shape;
  readonly data: TypedArray;
  readonly dtype?: DType;
}

/** Whole numbers from -3 to 3: their sums and products are exact in any order, and ties are frequent. */
export const whole = (shape: Shape, seed = 1): Elements => ({
  shape,
  data: wholeNumbers(sizeOf(shape), seed),
});

/** Results of `fn` by name, on `device`. */
export async function run<const Name extends string>(
  device: Device,
  inputs: readonly Elements[],
  fn: (...tensors: Tensor[]) => Readonly<Record<Name, Tensor>>,
  options: CompileOptions = {},
): Promise<Record<Name, Elements>> {
  const named = inputs.map((input, i) => [`x${i}`, input] as const);
  const signature = Object.fromEntries(
    named.map(([name, { shape, dtype = 'f32' }]) => [name, { shape, dtype }]),
  );
  const step = await compile(
    device,
    signature,
    (tensors) => ({ outputs: fn(...named.map(([name]) => tensors[name]!)) }),
    options,
  );
  const values = await step(Object.fromEntries(named.map(([name, { data }]) => [name, data])));
  const results = {} as Record<Name, Elements>;
  for (const name of Object.keys(values) as Name[])
    results[name] = { shape: values[name].shape, data: await values[name].data() };
  step.release();
  return results;
}

/** Coordinates of all elements of `shape`, in C order. */
export function indices(shape: Shape): number[][] {
  let all: number[][] = [[]];
  for (const size of shape) all = all.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i]));
  return all;
}

/** The element at some coordinates; those of an axis of size 1 are 0, and leading ones too many are dropped, as in broadcasting. */
export function element({ shape, data }: Elements, at: readonly number[]): number {
  const own = at.slice(at.length - shape.length);
  return data[shape.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : own[axis]!), 0)]!;
}

/** A tensor by its definition: the value at each position. */
export const literal = (shape: Shape, value: (at: readonly number[]) => number): number[] =>
  indices(shape).map(value);

/** -0 as 0: their difference is not what these tests are about. */
export const plain = ({ data }: Elements): number[] => Array.from(data, (value) => value + 0);
