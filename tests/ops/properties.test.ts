// What ops mean, for arbitrary shapes and arguments: literal loops and algebra, on both backends.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as C from '../../src/index.ts';
import type { Device, Tensor } from '../../src/index.ts';
import { openDevice } from '../device.ts';
import {
  element,
  forAll,
  indices,
  literal,
  permutations,
  plain,
  run,
  shapes,
  shapesWithAxes,
  whole,
} from '../properties.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 60_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** `plain` of literal values, which may be -0 too. */
const zeros = (values: readonly number[]) => values.map((value) => value + 0);

/** Shapes that broadcast to `shape`: some leading axes dropped, some sizes 1. */
const broadcastable = (shape: readonly number[]) =>
  fc
    .tuple(
      fc.nat({ max: shape.length }),
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
    )
    .map(([dropped, ones]) => shape.map((size, axis) => (ones[axis] ? 1 : size)).slice(dropped));

/** The broadcast of shapes that fit, by NumPy's rule: aligned at the end, and the size that is not 1. */
function broadcastOf(operands: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...operands.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...operands.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  );
}

test('operands of elementwise ops are repeated as NumPy repeats them', () =>
  forAll(
    shapes(0, 4).chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape), broadcastable(shape))),
    async (operands) => {
      const [a, b, c] = operands.map((shape, i) => whole(shape, i + 1));
      const { difference, chosen } = await run(device, [a!, b!, c!], (x, y, z) => ({
        difference: C.sub(x!, y!),
        chosen: C.where(C.gt(x!, 0), y!, z!),
      }));
      const pair = broadcastOf(operands.slice(0, 2));
      expect(difference.shape).toEqual(pair);
      expect(plain(difference)).toEqual(literal(pair, (at) => element(a!, at) - element(b!, at)));
      const all = broadcastOf(operands);
      expect(chosen.shape).toEqual(all);
      expect(plain(chosen)).toEqual(
        zeros(literal(all, (at) => (element(a!, at) > 0 ? element(b!, at) : element(c!, at)))),
      );
    },
  ));

describe('reductions over arbitrary axes', () => {
  /** The elements that each result of a reduction combines, and its shape. */
  function lines(x: ReturnType<typeof whole>, axes: readonly number[], keepdim: boolean) {
    const reduced = new Set(axes.map((axis) => (axis + x.shape.length) % x.shape.length));
    const kept = x.shape.map((size, axis) => (reduced.has(axis) ? 1 : size));
    const inside = indices(x.shape.map((size, axis) => (reduced.has(axis) ? size : 1)));
    return {
      shape: keepdim ? kept : kept.filter((_, axis) => !reduced.has(axis)),
      values: indices(kept).map((at) =>
        inside.map((by) =>
          element(
            x,
            at.map((i, axis) => i + by[axis]!),
          ),
        ),
      ),
    };
  }
  const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const mean = (values: readonly number[]) => total(values) / values.length;
  /** Quotients and sums of a few dozen elements of order 1. */
  const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5) as number);

  test('sum, mean, variance, max and min', () =>
    forAll(fc.tuple(shapesWithAxes(4, 1), fc.boolean()), async ([{ shape, axes }, keepdim]) => {
      const x = whole(shape);
      const options = { axes, keepdim };
      const got = await run(device, [x], (t) => ({
        sum: C.sum(t!, options),
        mean: C.mean(t!, options),
        variance: C.variance(t!, options),
        max: C.max(t!, options),
        min: C.min(t!, options),
      }));
      const expected = lines(x, axes, keepdim);
      for (const { shape } of Object.values(got)) expect(shape).toEqual(expected.shape);
      expect(plain(got.sum)).toEqual(zeros(expected.values.map(total)));
      expect(plain(got.max)).toEqual(zeros(expected.values.map((line) => Math.max(...line))));
      expect(plain(got.min)).toEqual(zeros(expected.values.map((line) => Math.min(...line))));
      expect(plain(got.mean)).toEqual(close(expected.values.map(mean)));
      expect(plain(got.variance)).toEqual(
        close(expected.values.map((line) => mean(line.map((value) => (value - mean(line)) ** 2)))),
      );
    }));

  test('argmax is the first of the largest, and max its element', () =>
    forAll(fc.tuple(shapes(1, 4, 5), fc.nat(), fc.boolean()), async ([shape, at, negative]) => {
      const x = whole(shape);
      const axis = (at % shape.length) - (negative ? shape.length : 0);
      const { index, taken, largest } = await run(device, [x], (t) => {
        const index = C.argmax(t!, axis, true);
        return { index, taken: C.gather(t!, index, axis), largest: C.max(t!, { axes: axis, keepdim: true }) };
      });
      const { values } = lines(x, [axis], true);
      expect(plain(index)).toEqual(values.map((line) => line.indexOf(Math.max(...line))));
      expect(plain(taken)).toEqual(plain(largest));
    }));
});

test('max and min of integers of any size', () =>
  forAll(
    fc.constantFrom('i32', 'u32').chain((dtype) => {
      const [min, max] = dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
      const element = fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
      return fc.tuple(fc.constant(dtype), fc.array(element, { minLength: 1, maxLength: 9 }));
    }),
    async ([dtype, elements]) => {
      const data = dtype === 'i32' ? Int32Array.from(elements) : Uint32Array.from(elements);
      const { max, min } = await run(device, [{ shape: [data.length], data, dtype }], (x) => ({
        max: C.max(x!),
        min: C.min(x!),
      }));
      expect([max.data[0], min.data[0]]).toEqual([Math.max(...elements), Math.min(...elements)]);
    },
  ));

test('matmul is the sum over the inner axis, transposed or not, with batch axes that broadcast', () =>
  forAll(
    fc.record({
      batch: shapes(0, 2, 3).chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape))),
      sizes: fc.tuple(...[9, 9, 9].map((max) => fc.integer({ min: 1, max }))),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
    }),
    async ({ batch, sizes, transposeA, transposeB }) => {
      const [m, k, n] = sizes as [number, number, number];
      const a = whole([...batch[0], ...(transposeA ? [k, m] : [m, k])], 1);
      const b = whole([...batch[1], ...(transposeB ? [n, k] : [k, n])], 2);
      const { y } = await run(device, [a, b], (p, q) => ({
        y: C.matmul(p!, q!, { transposeA, transposeB }),
      }));
      const shape = [...broadcastOf(batch), m, n];
      expect(y.shape).toEqual(shape);
      const expected = literal(shape, (at) => {
        const [i, j] = at.slice(-2) as [number, number];
        let dot = 0;
        for (let p = 0; p < k; p++)
          dot +=
            element(a, [...at.slice(0, -2), ...(transposeA ? [p, i] : [i, p])]) *
            element(b, [...at.slice(0, -2), ...(transposeB ? [j, p] : [p, j])]);
        return dot;
      });
      expect(plain(y)).toEqual(zeros(expected));
    },
  ));

describe('views and copies', () => {
  test('permute moves each element, and the inverse permutation moves it back', () =>
    forAll(
      shapes(1, 4).chain((shape) => fc.tuple(fc.constant(shape), permutations(shape.length))),
      async ([shape, perm]) => {
        const x = whole(shape);
        const inverse = perm.map((_, axis) => perm.indexOf(axis));
        const { moved, back } = await run(device, [x], (t) => {
          const moved = C.permute(t!, perm);
          return { moved, back: C.permute(C.tanh(moved), inverse) };
        });
        expect(moved.shape).toEqual(perm.map((axis) => shape[axis]));
        expect(plain(moved)).toEqual(
          zeros(
            literal(moved.shape, (at) =>
              element(
                x,
                inverse.map((position) => at[position]!),
              ),
            ),
          ),
        );
        expect(back.shape).toEqual(shape);
        expect(plain(back).map(Math.sign)).toEqual(plain(x).map(Math.sign));
      },
    ));

  test('reshape keeps the order of the elements, there and back, also of a permutation', () =>
    forAll(
      shapes(1, 4).chain((shape) =>
        fc.tuple(fc.constant(shape), permutations(shape.length), fc.nat({ max: shape.length - 1 })),
      ),
      async ([shape, perm, joined]) => {
        const x = whole(shape);
        const { flat, part, back } = await run(device, [x], (t) => {
          const moved = C.permute(t!, perm);
          const [head, tail] = [moved.shape.slice(0, joined), moved.shape.slice(joined)];
          const part = C.reshape(moved, [...head, -1]);
          return { flat: C.flatten(moved, 0), part, back: C.reshape(C.mul(part, 2), [...head, ...tail]) };
        });
        const moved = literal(
          perm.map((axis) => shape[axis]!),
          (at) =>
            element(
              x,
              perm.map((_, axis) => at[perm.indexOf(axis)]!),
            ),
        );
        for (const result of [flat, part]) expect(plain(result)).toEqual(zeros(moved));
        expect(back.shape).toEqual(perm.map((axis) => shape[axis]));
        expect(plain(back)).toEqual(moved.map((value) => 2 * value + 0));
      },
    ));

  test('slice takes what Python takes', () =>
    forAll(
      shapes(1, 3, 6).chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.tuple(
            ...shape.map((size) =>
              fc.tuple(
                fc.integer({ min: -size - 2, max: size + 2 }),
                fc.integer({ min: -size - 2, max: size + 2 }),
                fc.integer({ min: 1, max: 3 }),
              ),
            ),
          ),
        ),
      ),
      async ([shape, ranges]) => {
        const x = whole(shape);
        // Python's list(range(size))[start:end:step]
        const taken = shape.map((size, axis) => {
          const [start, end, step] = ranges[axis]!;
          const bound = (value: number) => Math.min(Math.max(value < 0 ? value + size : value, 0), size);
          const positions = [];
          for (let i = bound(start); i < bound(end); i += step) positions.push(i);
          return positions;
        });
        fc.pre(taken.every((positions) => positions.length > 0)); // WebGPU has no empty tensors
        const { y } = await run(device, [x], (t) => ({ y: C.slice(t!, ranges) }));
        expect(y.shape).toEqual(taken.map((positions) => positions.length));
        expect(plain(y)).toEqual(
          zeros(
            literal(y.shape, (at) =>
              element(
                x,
                at.map((i, axis) => taken[axis]![i]!),
              ),
            ),
          ),
        );
      },
    ));

  test('pad surrounds and spreads, and the slice that it covers is the tensor again', () =>
    forAll(
      shapes(1, 3).chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.tuple(...shape.map(() => fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 2 })))),
        ),
      ),
      async ([shape, pads]) => {
        const x = whole(shape);
        const { padded, back } = await run(device, [x], (t) => {
          const padded = C.pad(t!, pads, 7);
          const ranges = pads.map(
            ([before, after, between], axis) => [before, padded.shape[axis]! - after, between + 1] as const,
          );
          return { padded, back: C.slice(padded, ranges) };
        });
        expect(padded.shape).toEqual(
          shape.map((size, axis) => {
            const [before, after, between] = pads[axis]!;
            return before + size + (size - 1) * between + after;
          }),
        );
        expect(plain(back)).toEqual(plain(x));
        const added = padded.data.length - x.data.length;
        expect(plain(padded).filter((value) => value === 7)).toHaveLength(added);
      },
    ));

  test('concat joins what slices took apart, and stack is concat along a new axis', () =>
    forAll(
      fc.tuple(shapes(1, 3, 5), fc.nat(), fc.array(fc.nat(), { maxLength: 8 })),
      async ([shape, at, cuts]) => {
        const x = whole(shape);
        const axis = at % shape.length;
        const size = shape[axis]!;
        const bounds = [...new Set([0, ...cuts.map((cut) => cut % size), size])].sort((a, b) => a - b);
        const { joined, rows } = await run(device, [x], (t) => {
          const along = (start: number, end: number): Tensor =>
            C.slice(t!, [...shape.slice(0, axis).map(() => null), [start, end]]);
          const parts = bounds.slice(1).map((end, i) => along(bounds[i]!, end));
          const rest = shape.filter((_, other) => other !== axis);
          const rows = Array.from({ length: size }, (_, i) => C.reshape(along(i, i + 1), rest));
          return { joined: C.concat(parts, axis), rows: C.stack(rows, axis - shape.length) };
        });
        for (const result of [joined, rows]) {
          expect(result.shape).toEqual(shape);
          expect(plain(result)).toEqual(plain(x));
        }
      },
    ));

  test('gather by a permutation and by its inverse gives the tensor back; scatterAdd is its transpose', () =>
    forAll(
      fc.tuple(shapes(1, 3, 5), fc.nat()).chain(([shape, at]) => {
        const axis = at % shape.length;
        return fc.tuple(fc.constant(shape), fc.constant(axis), permutations(shape[axis]!));
      }),
      async ([shape, axis, order]) => {
        const x = whole(shape);
        const index = {
          shape,
          dtype: 'i32',
          data: Int32Array.from(indices(shape), (at) => order[at[axis]!]!),
        } as const;
        const { taken, back } = await run(device, [x, index], (t, i) => {
          const taken = C.gather(t!, i!, axis);
          return { taken, back: C.scatterAdd(i!, taken, axis, shape[axis]!) };
        });
        expect(plain(taken)).toEqual(
          zeros(
            literal(shape, (at) =>
              element(
                x,
                at.map((i, a) => (a === axis ? order[i]! : i)),
              ),
            ),
          ),
        );
        expect(plain(back)).toEqual(plain(x));
      },
    ));
});

/** Five standard errors: a correct mask fails one such check in two million. */
const STANDARD_ERRORS = 5;

test('dropout keeps the mean, whatever its probability', () =>
  forAll(
    fc.record({ p: fc.double({ min: 0.01, max: 0.95, noNaN: true }), seed: fc.nat() }),
    async ({ p, seed }) => {
      const count = 4096;
      const x = { shape: [count], data: new Float32Array(count).fill(3) };
      const layer = new C.nn.Dropout(p);
      const { y, dx } = await run(
        device,
        [x],
        (t) => {
          const y = layer.forward(t!);
          return { y, dx: C.grad(C.sum(y), [t!])[0]! };
        },
        { seed },
      );
      const kept = 1 / (1 - p);
      const values = plain(y);
      const wrong = values.filter((value) => value !== 0 && Math.abs(value / (3 * kept) - 1) > 1e-6);
      expect(wrong, 'neither 0 nor x / (1 - p)').toEqual([]);
      const mean = values.reduce((a, b) => a + b, 0) / count;
      expect(Math.abs(mean / 3 - 1)).toBeLessThan(STANDARD_ERRORS * Math.sqrt((p * kept) / count));
      // the gradient passes where the value did
      expect(Math.max(...values.map((value, i) => Math.abs(dx.data[i]! - value / 3)))).toBeLessThan(
        1e-6 * kept,
      );
    },
    10,
  ));

/** exp and log of WGSL, and sums of up to five of them. */
const PROBABILITY = 5e-6;

test('softmax sums to 1 along its axis, ignores a shift, and logSoftmax is its logarithm', () =>
  forAll(
    fc.tuple(shapes(1, 4, 5), fc.nat(), fc.integer({ min: -60, max: 60 })),
    async ([shape, at, shift]) => {
      const axis = (at % shape.length) - shape.length;
      const { p, sums, shifted, logp, logOfP, rest } = await run(device, [whole(shape)], (t) => {
        const p = C.softmax(t!, axis);
        return {
          p,
          sums: C.sum(p, { axes: axis }),
          shifted: C.softmax(C.add(t!, shift), axis),
          logp: C.logSoftmax(t!, axis),
          logOfP: C.log(p),
          // log p = x − logSumExp(x)
          rest: C.sub(C.sub(t!, C.stack([C.logSumExp(t!, axis)], axis)), C.logSoftmax(t!, axis)),
        };
      });
      expect(Math.min(...p.data)).toBeGreaterThan(0);
      for (const sum of sums.data) expect(Math.abs(sum - 1)).toBeLessThan(PROBABILITY);
      p.data.forEach((value, i) => {
        expect(Math.abs(shifted.data[i]! - value)).toBeLessThan(PROBABILITY);
        expect(Math.abs(logOfP.data[i]! - logp.data[i]!)).toBeLessThan(4 * PROBABILITY); // logarithms down to -8
        expect(Math.abs(rest.data[i]!)).toBeLessThan(4 * PROBABILITY);
      });
    },
  ));
