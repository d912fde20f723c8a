// Bounds on float32 kernels: wide enough for correct ones, and narrow enough to see wrong ones.
import { describe, expect, test } from 'vitest';
import * as C from '../../src/index.ts';
import type { Tensor } from '../../src/index.ts';
import { evaluateRounded, storedValue, type Rounded } from '../../src/cpu/index.ts';
import { topologicalOrder } from '../../src/graph/index.ts';
import { HostRandom } from '../../src/index.ts';

/** Value and bound of a graph over constants; the constants were stored. */
function bounded(y: Tensor): { values: number[]; errors: number[] } {
  const known = new Map<Tensor, Rounded>();
  for (const node of topologicalOrder([y])) {
    const inputs = node.inputs.map((input) => known.get(input)!);
    known.set(
      node,
      node.op.name === 'constant' ? storedValue(node, node.attrs.data) : evaluateRounded(node, inputs),
    );
  }
  const { value, error } = known.get(y)!;
  return { values: [...value.data], errors: Array.from(value.data, (_, i) => error?.[i] ?? 0) };
}
const errorsOf = (y: Tensor) => bounded(y).errors;
const x = (...values: number[]) => C.constant(values);
const normals = (length: number, seed = 1) => {
  const random = new HostRandom(seed, 'normals');
  return Float32Array.from({ length }, () => random.normal());
};

/** Another correct order of summation. */
const summed = (terms: readonly number[], order: 'from the front' | 'in pairs'): number => {
  if (order === 'from the front') return terms.reduce((sum, term) => Math.fround(sum + term));
  if (terms.length === 1) return terms[0]!;
  const half = Math.ceil(terms.length / 2);
  return Math.fround(summed(terms.slice(0, half), order) + summed(terms.slice(half), order));
};

describe('a sum', () => {
  test.each([1, 2, 10, 100, 1000, 5000])('of %i products in any order is within the bound', (n) => {
    const [a, b] = [normals(n), normals(n, 2)];
    const y = bounded(C.matmul(C.constant(a, [1, n]), C.constant(b, [n, 1])));
    const products = Array.from(a, (value, i) => Math.fround(value * b[i]!));
    for (const order of ['from the front', 'in pairs'] as const)
      expect(Math.abs(summed(products, order) - y.values[0]!)).toBeLessThanOrEqual(y.errors[0]!);
  });

  // What most rounding errors have the same sign in: 1000 times 0.1 from the front is 99.999 in float32.
  test('of equal terms is, too', () => {
    const terms = new Array<number>(1000).fill(Math.fround(0.1));
    const y = bounded(C.sum(C.constant(terms)));
    expect(Math.abs(summed(terms, 'from the front') - y.values[0]!)).toBeGreaterThan(1e-4);
    expect(Math.abs(summed(terms, 'from the front') - y.values[0]!)).toBeLessThanOrEqual(y.errors[0]!);
  });

  test.each([10, 100, 1000])('of %i terms without one of them is not', (n) => {
    const terms = normals(n).map((value) => Math.sign(value) * (1 + Math.abs(value)));
    const y = bounded(C.sum(C.constant(terms)));
    expect(Math.min(...terms.map(Math.abs))).toBeGreaterThan(10 * y.errors[0]!);
  });

  test('that cancels is as uncertain as its terms are large', () => {
    const y = bounded(C.sum(x(1e4, -1e4, 1)));
    expect(y.values).toEqual([1]);
    expect(y.errors[0]!).toBeGreaterThan(1e-3);
    expect(y.errors[0]!).toBeLessThan(0.05);
  });
});

describe('exact', () => {
  test.each<[string, () => Tensor]>([
    [
      'views and moves',
      () => C.concat([C.permute(C.reshape(x(1, 2, 3, 0.1), [2, 2]), [1, 0]), C.fill(7, [1, 2])]),
    ],
    ['selections', () => C.where(C.gt(x(0.1, -0.2), 0), C.relu(x(0.3, 0.4)), C.neg(C.abs(x(0.5, 0.7))))],
    ['whole numbers', () => C.mul(C.add(x(3, 5), 4), C.floor(x(2.5, 7.5)))],
    ['maxima', () => C.max(C.reshape(x(0.1, 0.3, 0.2, 0.7), [2, 2]), { axes: 1 })],
    ['comparisons of what was stored', () => C.cast(C.lt(x(0.1, 0.2), x(0.2, 0.2)), 'f32')],
    ['integers', () => C.add(C.constant(Int32Array.of(1, 2)), C.argmax(C.reshape(x(3, 4, 5, 1), [2, 2]), 1))],
  ])('%s', (_, make) => expect(errorsOf(make())).toEqual([0, 0, 0, 0, 0, 0].slice(0, make().size)));
});

describe('uncertain', () => {
  const third = C.div(x(1, 1, 1), x(3, 3, 3)); // 0.333…, a few ulps off
  const around = x(0.3333333, 0.33333334, 0.5);

  test.each([
    ['eq', C.eq],
    ['ne', C.ne],
    ['lt', C.lt],
    ['ge', C.ge],
  ])('%s of numbers as close as their errors, and no others', (_, compare) => {
    expect(errorsOf(compare(third, around))).toEqual([1, 1, 0]);
  });

  test('what is chosen by such a comparison, by as much as the choices differ', () => {
    const errors = errorsOf(C.where(C.lt(third, around), x(5, 5, 5), x(2, 5, 2)));
    expect(errors[0]).toBeCloseTo(3, 5);
    expect(errors.slice(1)).toEqual([0, 0]);
  });

  test('the winner among nearly equal numbers, but not the largest number', () => {
    const rows = C.reshape(C.div(x(1, 1, 0, 1, 2, 0), x(3, 3, 1, 3, 3, 1)), [2, 3]);
    const [tie, clear] = errorsOf(C.argmax(rows, 1));
    expect(tie).toBeGreaterThanOrEqual(2);
    expect(clear).toBe(0);
    expect(Math.max(...errorsOf(C.max(rows, { axes: 1 })))).toBeLessThan(1e-6);
  });
});

test('a square of what is 0 but for rounding is 0 but for its square', () => {
  const zero = C.sum(x(0.1, 0.7, -0.1, -0.7));
  const [off] = errorsOf(zero);
  const square = bounded(C.square(zero));
  expect(square.values[0]).toBeLessThan(1e-14);
  expect(square.errors[0]!).toBeGreaterThanOrEqual(off! ** 2);
  expect(square.errors[0]!).toBeLessThan(1e-10);
});

test('rounding that a kernel scales up is allowed, also to a whole step of Adam', () => {
  // g = (a + b) - a - b is 0 but for rounding; g / (|g| + tiny) is then anything from -1 to 1.
  const g = C.sub(C.sub(C.add(x(0.1), x(0.7)), x(0.1)), x(0.7));
  const direction = bounded(C.div(g, C.add(C.abs(g), 1e-12)));
  expect(Math.abs(direction.values[0]!)).toBeLessThanOrEqual(1);
  expect(direction.errors[0]!).toBeGreaterThanOrEqual(1);
});

test('functions have the accuracies that WGSL gives them', () => {
  const points = x(-3, -0.5, 0.01, 0.5, 1, 2, 30);
  const positive = C.abs(points);
  const largest = (y: Tensor) => {
    const { values, errors } = bounded(y);
    return Math.max(...errors.map((error, i) => error / Math.max(1, Math.abs(values[i]!))));
  };
  for (const y of [C.exp(points), C.log(positive), C.sqrt(positive), C.pow(positive, 2.5), C.sigmoid(points)])
    expect(largest(y)).toBeLessThan(5e-5);
  for (const y of [C.tanh(points), C.softplus(points), C.erf(points)]) expect(largest(y)).toBeLessThan(2e-5);
  for (const y of [C.sin(points), C.cos(points), C.atan(points)]) expect(largest(y)).toBeLessThan(5e-3);
});

test('numbers below the normal ones may be read as 0', () => {
  const [below, normal] = errorsOf(C.neg(x(1e-40, 1)));
  expect(below).toBeGreaterThanOrEqual(0.99e-40);
  expect(normal).toBe(0);
  expect(errorsOf(C.log(x(1e-40)))[0]).toBe(Infinity);
});
