import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, data } from '../../src/index.ts';

const { Dataset } = data;

/** Samples whose columns all tell the row that they come from. */
const rows = (length: number) =>
  new Dataset(
    {
      x: Float32Array.from({ length: 2 * length }, (_, i) => i / 2),
      y: Int32Array.from({ length }, (_, i) => i),
    },
    { x: [2, 1] },
  );

/** The rows that a data set or a batch holds, once it is clear that its columns agree. */
function rowsIn({ x, y }: { x: Float32Array; y: Int32Array }): number[] {
  expect([...x]).toEqual([...y].flatMap((row) => [row, row + 0.5]));
  return [...y];
}

describe('Dataset', () => {
  test('knows its length and the shapes of its rows', () => {
    const dataset = rows(5);
    expect(dataset.length).toBe(5);
    expect(dataset.shapes).toEqual({ x: [2, 1], y: [] });
  });

  test('selects columns without copying, and rows in any order', () => {
    const dataset = rows(5);
    expect(dataset.select('y').columns).toEqual({ y: dataset.columns.y });
    expect(dataset.select('y').columns.y).toBe(dataset.columns.y);
    expect(dataset.select('x').shapes).toEqual({ x: [2, 1] });
    const part = dataset.subset([4, 0, 4]);
    expect(rowsIn(part.columns)).toEqual([4, 0, 4]);
    part.columns.y.fill(0);
    expect(dataset.columns.y[4]).toBe(4);
  });

  test('splits into parts that hold every sample once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 60 }),
        fc.option(fc.nat(1000), { nil: undefined }),
        (length, seed) => {
          const options = seed === undefined ? {} : { seed };
          const [train, valid, held] = rows(length).split([0.5, 0.2, 0.3], options);
          const all = [train, valid, held].map(({ columns }) => rowsIn(columns));
          expect(all.flat().sort((a, b) => a - b)).toEqual(rowsIn(rows(length).columns));
          [0.5, 0.2, 0.3].forEach((fraction, i) =>
            expect(Math.abs(all[i]!.length - fraction * length)).toBeLessThanOrEqual(1),
          );
          if (seed === undefined) expect(all.flat()).toEqual(rowsIn(rows(length).columns));
          expect(rowsIn(rows(length).split([0.5, 0.5], options)[0].columns)).toEqual(
            rowsIn(rows(length).split([0.5, 0.5], options)[0].columns),
          );
        },
      ),
    );
    const [first] = rows(20).split([0.5, 0.5], { seed: 1 });
    expect(rowsIn(first.columns)).not.toEqual(rowsIn(rows(20).split([0.5, 0.5], { seed: 2 })[0].columns));
  });

  test('bootstraps with replacement: each draw holds about 1 − 1/e of the samples', () => {
    const n = 5000;
    const draws = [1, 2].map((seed) => rowsIn(rows(n).bootstrap({ seed }).columns));
    for (const draw of draws) {
      expect(draw).toHaveLength(n);
      // five standard deviations of the number of distinct samples, √(n (1/e − 2/e²))
      const deviation = Math.sqrt(n * (Math.exp(-1) - 2 * Math.exp(-2)));
      expect(Math.abs(new Set(draw).size - n * (1 - Math.exp(-1)))).toBeLessThan(5 * deviation);
    }
    expect(draws[0]).not.toEqual(draws[1]);
    expect(rowsIn(rows(n).bootstrap({ seed: 1 }).columns)).toEqual(draws[0]);
    expect(rows(n).bootstrap({ seed: 1, rows: 7 }).length).toBe(7);
  });

  test.each([
    ['no columns', {}, {}, 'expected at least one column, got none'],
    [
      'an empty column',
      { x: new Float32Array(0) },
      {},
      'expected at least one row [] in column x, got 0 elements',
    ],
    [
      'a part of a row',
      { x: new Float32Array(5) },
      { x: [2] },
      'expected at least one row [2] in column x, got 5 elements',
    ],
    [
      'columns of different lengths',
      { x: new Float32Array(4), y: new Int32Array(3) },
      {},
      'expected 4 rows in column y, as in x, got 3',
    ],
    [
      'a shape of no column',
      { x: new Float32Array(4) },
      { z: [2] },
      'expected shapes of the columns x, got z',
    ],
  ])('refuses %s', (_, columns, shapes, message) => {
    expect(() => new Dataset(columns as data.Columns, shapes)).toThrow(ArgumentError);
    expect(() => new Dataset(columns as data.Columns, shapes)).toThrow(`Dataset: ${message}`);
  });

  test('refuses unknown names and rows', () => {
    expect(() => rows(3).select('z' as 'x')).toThrow('select: expected one of the columns x, y, got z');
    expect(() => rows(3).subset([0, 3])).toThrow('subset: expected rows from 0 to 2, got 3');
    expect(() => rows(3).subset([-1])).toThrow('subset: expected rows from 0 to 2, got -1');
    expect(() => rows(3).subset([])).toThrow('Dataset: expected at least one row');
    expect(() => rows(3).bootstrap({ seed: 1, rows: 0 })).toThrow(
      'bootstrap: expected rows to be a positive integer, got 0',
    );
    expect(() => rows(3).split([0.9, 0.1])).toThrow('split: expected at least one of 3 in each part');
    expect(() => rows(3).split([1.5, -0.5])).toThrow('split: expected positive fractions with the sum 1');
  });
});

describe('batches of a Dataset', () => {
  test('give every sample once, in order or shuffled', () => {
    const all = [...rows(10).batches({ batch: 4 })].map(rowsIn);
    expect(all).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const shuffled = [...rows(10).shuffledBatches({ batch: 4, seed: 1 })].flatMap(rowsIn);
    expect(shuffled).not.toEqual(all.flat());
    expect(shuffled.sort((a, b) => a - b)).toEqual(all.flat());
  });

  test('can leave the rest out', () => {
    expect([...rows(10).shuffledBatches({ batch: 4, seed: 1, last: 'drop' })].map(rowsIn)).toHaveLength(2);
  });

  test('can fill the last one up, and say with a mask what counts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 40 }), (length, batch) => {
        const counted: number[] = [];
        for (const { mask, ...columns } of rows(length).shuffledBatches({ batch, seed: 3, last: 'pad' })) {
          const inBatch = rowsIn(columns);
          expect(inBatch).toHaveLength(batch);
          expect(mask).toHaveLength(batch);
          const real = inBatch.filter((_, i) => mask[i] === 1);
          // what fills up is a copy of a sample of the same batch
          inBatch.forEach((row, i) => expect([0, 1].includes(mask[i]!) && real.includes(row)).toBe(true));
          counted.push(...real);
        }
        expect(counted.sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      }),
    );
  });

  test('refuse a column named mask only where they add one', () => {
    const dataset = new Dataset({ mask: new Float32Array(3) });
    expect([...dataset.batches({ batch: 2 })]).toHaveLength(2);
    expect(() => dataset.batches({ batch: 2, last: 'pad' })).toThrow(
      "batches: expected no column `mask`, which last: 'pad' adds, got one",
    );
  });
});
