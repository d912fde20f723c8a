import { sizeOf, type Shape, type Tensor } from '../graph/index.ts';
import { attentionSizes, type AttentionAttrs } from '../ops/index.ts';
import { forEachIndex, newNdArray, offsetOf, type NdArray } from './nd-array.ts';
import { references } from './references.ts';

/** A reference value, and how far a correct float32 kernel may be from it, element by element; `null` is 0 everywhere. */
export interface Rounded {
  readonly value: NdArray;
  readonly error: Float64Array | null;
}

/** A unit in the last place of float32, relative to the number. */
const ULP = 2 ** -23;
/** Results below it may be flushed to 0. */
const SMALLEST_NORMAL = 2 ** -126;
/** Where no function below says more: a rounding in any direction, and a few more inside a kernel. */
const FEW_ULPS = 4 * ULP;

/** How far y = f(x, b) may be off by WGSL's table of accuracies ("Floating Point Accuracy"), or by our own approximation. */
const ACCURACY: Readonly<Record<string, (y: number, x: number, b: number) => number>> = {
  div: (y) => 2.5 * ULP * Math.abs(y),
  exp: (y, x) => exponential(x) * Math.abs(y),
  log: (y) => logarithm(y),
  sqrt: (y) => 5 * ULP * y, // 1 / inverseSqrt
  // stated for |x| ≤ π only; beyond, reducing the argument costs digits
  sin: (_, x) => 2 ** -11 * Math.max(1, Math.abs(x) / Math.PI),
  cos: (_, x) => 2 ** -11 * Math.max(1, Math.abs(x) / Math.PI),
  atan: (y) => 4096 * ULP * Math.abs(y),
  tanh: (y, x) => (Math.abs(x) < 0.2 ? 2 * FEW_ULPS * Math.abs(y) : 1e-5), // a series near 0: shaders/lib/math.wgsl
  sigmoid: (y, x) => (exponential(x) + FEW_ULPS) * y,
  softplus: (y, x) => 2 * logarithm(y) + exponential(x) * Math.exp(-Math.abs(x)),
  erf: (y, x) => (Math.abs(x) < 0.5 ? 2 * FEW_ULPS * Math.abs(y) : 1e-6),
  // exp2(b log2(x))
  pow(y, x, b) {
    const exponent = b * Math.log2(Math.abs(x));
    const off = Math.abs(b) * logarithm(Math.log2(Math.abs(x))) + Math.abs(exponent) * ULP;
    return (off + exponential(exponent)) * Math.abs(y);
  },
};

/** Relative error of exp(x). */
function exponential(x: number): number {
  return (3 + 2 * Math.abs(x)) * ULP;
}

/** Absolute error of a logarithm y. */
function logarithm(y: number): number {
  return 2 ** -21 + 3 * ULP * Math.abs(y);
}

/** Normals agree to this on every backend: WGSL's log, sin and cos are not among them (shaders/lib/philox.wgsl). */
const NORMAL_ERROR = 1e-5;

/** Inputs that a kernel selects by, and does not add up. */
const SELECTORS: Readonly<Record<string, readonly number[]>> = { maxPool2dGrad: [0], maxPool2dPick: [0] };

/** Values that were stored: exact, except that a kernel may read what is below the normal numbers as 0. */
export function storedValue(node: Tensor, data: ArrayLike<number>): Rounded {
  const value = newNdArray(node.shape, node.dtype, 'f32');
  value.data.set(data);
  if (node.dtype !== 'f32') return { value, error: null };
  const error = Float64Array.from(value.data, (x) => (Math.abs(x) < SMALLEST_NORMAL ? Math.abs(x) : 0));
  return { value, error: nullIfExact(error) };
}

/**
 * The reference of one op, and a bound on how far a float32 kernel may be from it: running error analysis (Higham 2002,
 * "Accuracy and stability of numerical algorithms", section 3.3).
 *
 * What the inputs are off is taken through the op by moving the inputs by it, up and down, so that a comparison is
 * uncertain where its operands are closer than their errors. To that comes what the op itself may be off: nothing for a
 * result that is a float32 number, WGSL's figures for functions, and for a sum of n terms min(n, 8 √n) ulps of the sum
 * of their magnitudes (n is the worst case; beyond 64 terms the bound that holds with high probability, Higham and
 * Mary 2019).
 */
export function evaluateRounded(node: Tensor, inputs: readonly Rounded[]): Rounded {
  const values = inputs.map(({ value }) => value);
  const exact = evaluate(node, values);
  const error = inheritedError(node, inputs, exact);
  const own = ownError(node, values);
  exact.data.forEach((y, i) => (error[i]! += own(y, i)));
  const value = newNdArray(node.shape, node.dtype, 'f32');
  value.data.set(exact.data);
  return { value, error: nullIfExact(error) };
}

/** In float64. */
function evaluate(node: Tensor, values: readonly NdArray[], name = node.op.name): NdArray {
  const out = newNdArray(node.shape, node.dtype, 'f64');
  const reference = references[name as keyof typeof references] as (
    inputs: readonly NdArray[],
    out: NdArray,
    attrs: unknown,
    node: Tensor,
  ) => void;
  reference(values, out, node.attrs, node);
  return out;
}

function inheritedError(node: Tensor, inputs: readonly Rounded[], exact: NdArray): Float64Array {
  const total = new Float64Array(exact.data.length);
  const inexact = inputs.flatMap(({ error }, i) => (error ? [i] : []));
  if (inexact.length === 0) return total;
  const values = inputs.map(({ value }) => value);
  if (node.op.name === 'argmax') return uncertainWinners(node, inputs[0]!, exact);
  // a = b is as uncertain as a < b
  const name = node.op.name === 'eq' || node.op.name === 'ne' ? 'lt' : node.op.name;
  const middle = name === node.op.name ? exact : evaluate(node, values, name);
  // Each input by itself, further than it is off, so that the sum of the changes covers what all do at once; and all at
  // once, since by itself neither factor of 0 · 0 changes anything.
  const together = inexact.length > 1 ? [inexact] : [];
  for (const which of [...inexact.map((i) => [i]), ...together]) {
    const [low, high] = [-inexact.length, inexact.length].map((factor) =>
      evaluate(
        node,
        inputs.map((input, i) => (which.includes(i) ? moved(input, factor) : input.value)),
        name,
      ),
    );
    for (let j = 0; j < total.length; j++) {
      const [a, b, c] = [low!.data[j]!, middle.data[j]!, high!.data[j]!];
      total[j]! += Math.max(Math.abs(a - b), Math.abs(c - b));
    }
  }
  return total;
}

/** The value with `factor` times its error added. */
function moved({ value, error }: Rounded, factor: number): NdArray {
  const result = newNdArray(value.shape, value.dtype, 'f64');
  for (let i = 0; i < error!.length; i++) {
    const [x, e] = [value.data[i]!, error![i]!];
    result.data[i] = value.dtype !== 'bool' ? x + factor * e : e > 0 ? 1 - x : x;
  }
  return result;
}

/** Another element may win where it is as large as the winner within the errors of both. */
function uncertainWinners(node: Tensor, { value: x, error }: Rounded, winner: NdArray): Float64Array {
  const { axis } = node.attrs as { axis: number };
  const challenged = newNdArray(x.shape, x.dtype, 'f64');
  forEachIndex(x.shape, (at, i) => {
    const wins = winner.data[offsetOf(winner.shape, at.toSpliced(axis, 1))] === at[axis];
    challenged.data[i] = x.data[i]! + (wins ? -error![i]! : error![i]!);
  });
  const other = evaluate(node, [challenged]);
  return Float64Array.from(other.data, (index, i) => (index === winner.data[i] ? 0 : x.shape[axis]!));
}

/** What computing `node` adds to the error, by result and position. */
function ownError(node: Tensor, values: readonly NdArray[]): (y: number, i: number) => number {
  const { name, kind } = node.op;
  if (node.dtype !== 'f32') return () => 0;
  if (name === 'random') return node.attrs.kind === 'normal' ? () => NORMAL_ERROR : () => 0;
  if (name.startsWith('attention')) return attentionError(node, values);
  if (name === 'sum' || kind === 'kernel') return sumError(node, values);
  const accuracy = ACCURACY[name];
  const [a, b] = values.map(({ data }) => data);
  return (y, i) => {
    const flushed = Math.abs(y) < SMALLEST_NORMAL ? Math.abs(y) : 0;
    if (accuracy) return flushed + (y === 0 ? 0 : accuracy(y, a![i]!, b?.[i] ?? 0));
    return flushed + (y === Math.fround(y) ? 0 : FEW_ULPS * Math.abs(y));
  };
}

/** A sum of n terms is off by this much of the sum of their magnitudes. */
function summing(n: number): number {
  return Math.min(n, 8 * Math.sqrt(n)) * ULP;
}

/**
 * Of attention and its gradients, coarsely, from the longest rows: no score is above `largest`, no entry of dP above
 * `dp`; weights are off by twice what the exponents are.
 */
function attentionError(node: Tensor, values: readonly NdArray[]): (y: number, i: number) => number {
  const cotangent = { attention: -1, attentionQueryGrad: 4, attentionKeyValueGrad: 3 }[
    node.op.name as 'attention'
  ];
  const { queries, keys, width } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
  const { scale } = node.attrs as AttentionAttrs;
  const [q, k, v] = values.slice(0, 3).map(longestRow) as [number, number, number];
  const dy = cotangent === -1 ? 0 : longestRow(values[cotangent]!);
  const largest = scale * q * k;
  const exponents = summing(width + 2) * largest + exponential(2 * largest);
  const off = 4 * (2 * exponents + summing(width) + summing(keys) + summing(queries));
  const dp = dy * v;
  const [queryCount, keyCount] = [values[0]!.data.length, values[1]!.data.length];
  switch (node.op.name) {
    case 'attention':
      return (y, i) => off * (i < queryCount ? v : 1 + Math.abs(y));
    case 'attentionQueryGrad':
      return (y, i) => off * (i < queryCount ? scale * k * dp : 1 + Math.abs(y) + dp);
    default: // a column of the weights adds up to as much as there are queries
      return (_, i) => off * queries * (i < keyCount ? scale * q * dp : dy);
  }
}

/** The largest Euclidean norm of a row (of the last axis). */
function longestRow({ shape, data }: NdArray): number {
  const width = shape.at(-1)!;
  let largest = 0;
  for (let start = 0; start < data.length; start += width) {
    let square = 0;
    for (let i = start; i < start + width; i++) square += data[i]! ** 2;
    largest = Math.max(largest, square);
  }
  return Math.sqrt(largest);
}

/** Of an op that adds up products of its inputs, or their elements. */
function sumError(node: Tensor, values: readonly NdArray[]): (y: number, i: number) => number {
  const selectors = SELECTORS[node.op.name] ?? [];
  const replaced = (f: (x: number) => number) =>
    values.map((value, i) => {
      if (value.dtype !== 'f32' || selectors.includes(i)) return value;
      const result = newNdArray(value.shape, 'f32', 'f64');
      result.data.set(value.data.map(f));
      return result;
    });
  const magnitudes = evaluate(node, replaced(Math.abs)).data;
  const counts = evaluate(
    node,
    replaced(() => 1),
  ).data;
  // An average divides by what it adds up.
  const divided = node.op.name.startsWith('avgPool') ? sizeOf(node.attrs.kernel as Shape) : 1;
  return (_, i) => summing(2 + counts[i]! * divided) * magnitudes[i]! + SMALLEST_NORMAL;
}

function nullIfExact(error: Float64Array): Float64Array | null {
  return error.every((e) => e === 0) ? null : error;
}
