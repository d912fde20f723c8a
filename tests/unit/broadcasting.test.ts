// NumPy's broadcasting rule, written out, against every op that broadcasts; sizes of 0 included.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  add,
  broadcast,
  eq,
  fill,
  gt,
  matmul,
  maximum,
  pow,
  ShapeError,
  sum,
  where,
  type Tensor,
} from '../../src/index.ts';
import { evaluate } from '../programs.ts';
import { forAll } from '../properties.ts';

/**
 * Aligned at their ends, two sizes fit when they are equal or one of them is 1 (or missing), which takes the other's place.
 * Null when they do not fit.
 */
function numpyBroadcast(a: readonly number[], b: readonly number[]): number[] | null {
  const result: number[] = [];
  for (let fromEnd = 1; fromEnd <= Math.max(a.length, b.length); fromEnd++) {
    const [m, n] = [a[a.length - fromEnd] ?? 1, b[b.length - fromEnd] ?? 1];
    if (m === n) result.unshift(m);
    else if (m === 1) result.unshift(n);
    else if (n === 1) result.unshift(m);
    else return null;
  }
  return result;
}

const anyShapes = fc.array(fc.constantFrom(0, 1, 1, 2, 3), { maxLength: 4 });
const RUNS = 500;

/** The shape of the result, or null when the call throws a ShapeError. */
function shapeOf(call: () => Tensor): readonly number[] | null {
  try {
    return call().shape;
  } catch (error) {
    expect(error).toBeInstanceOf(ShapeError);
    return null;
  }
}

test('the rule itself', () => {
  expect(numpyBroadcast([8, 1, 6, 1], [7, 1, 5])).toEqual([8, 7, 6, 5]);
  expect(numpyBroadcast([], [3])).toEqual([3]);
  expect(numpyBroadcast([1, 3], [0, 1])).toEqual([0, 3]);
  expect(numpyBroadcast([2, 1], [8, 4, 3])).toBeNull();
  expect(numpyBroadcast([0], [2])).toBeNull();
});

test('binary ops, where and broadcast have the shape that NumPy gives, or throw where it does', async () => {
  const seen = { fits: 0, refused: 0 };
  await forAll(
    fc.tuple(anyShapes, anyShapes, anyShapes),
    ([a, b, c]) => {
      const expected = numpyBroadcast(a, b);
      seen[expected ? 'fits' : 'refused']++;
      const [x, y, z] = [fill(1, a), fill(2, b), fill(3, c)];
      for (const op of [add, maximum, pow, eq, gt]) {
        expect(shapeOf(() => op(x, y))).toEqual(expected);
        expect(shapeOf(() => op(y, x))).toEqual(expected);
      }
      const all = expected && numpyBroadcast(expected, c);
      // fits only if all three do, whichever two come first
      expect(shapeOf(() => where(gt(x, 0), y, z))).toEqual(all);
      expect(shapeOf(() => where(gt(z, 0), x, y))).toEqual(all);
      const onto = expected && expected.join() === b.join() ? b : null;
      expect(shapeOf(() => broadcast(x, b))).toEqual(onto);
    },
    RUNS,
  );
  expect(Math.min(seen.fits, seen.refused)).toBeGreaterThan(RUNS / 10);
});

test('batch axes of matmul broadcast by the same rule', () =>
  forAll(
    fc.tuple(anyShapes, anyShapes),
    ([a, b]) => {
      const expected = numpyBroadcast(a, b);
      const product = () => matmul(fill(1, [...a, 2, 3]), fill(1, [...b, 3, 4]));
      expect(shapeOf(product)).toEqual(expected && [...expected, 2, 4]);
    },
    RUNS,
  ));

test('a sum without elements is 0, and other axes keep their size', () =>
  forAll(
    fc
      .array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 3 })
      .chain((shape) => fc.tuple(fc.constant(shape), fc.subarray(shape.map((_, axis) => axis)))),
    async ([shape, axes]) => {
      const total = sum(fill(1, shape), { axes });
      expect(total.shape).toEqual(shape.filter((_, axis) => !axes.includes(axis)));
      const each = axes.reduce((count, axis) => count * shape[axis]!, 1);
      expect([...(await evaluate([total]))[0]!]).toEqual(new Array(total.size).fill(each));
    },
  ));
