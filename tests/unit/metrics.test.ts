import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  compile,
  cpu,
  data,
  f32,
  fill,
  HostRandom,
  i32,
  metrics,
  ShapeError,
} from '../../src/index.ts';
import { pivotedCholesky, symmetricEigenvalues } from '../../src/metrics/symmetric.ts';
import { normals } from '../programs.ts';

const { accuracy, ConfusionMatrix, fid, featureStatistics, frechetDistance, inceptionScore, perplexity } =
  metrics;

const golden = (name: string) => {
  const path = new URL(`../golden/metrics/${name}.safetensors`, import.meta.url);
  const { tensors } = data.decodeSafetensors(readFileSync(path));
  return (tensor: string) => tensors.get(tensor)!.data;
};

/** Accuracy of a step on the reference device. */
async function stepAccuracy(
  scores: Float32Array,
  labels: Int32Array,
  options: metrics.AccuracyOptions,
): Promise<number> {
  const classes = scores.length / labels.length;
  const signature = { scores: f32(labels.length, classes), labels: i32(labels.length) };
  const step = await compile(cpu(), signature, (x) => ({
    outputs: { accuracy: accuracy(x.scores, x.labels, options) },
  }));
  return (await step({ scores, labels } as never)).accuracy.item();
}

describe('accuracy', () => {
  test.each([
    ['accuracy_8x4_top1', 1],
    ['accuracy_9x6_top3', 3],
  ])('on the host gives the golden %s', (name, topK) => {
    const t = golden(name);
    expect(accuracy(t('in.logits'), t('in.target'), { topK })).toBeCloseTo(t('out.accuracy')[0]!, 7);
  });

  test('takes the lower class first among equal scores', () => {
    const scores = Float32Array.of(2, 1, 2, 2);
    const hits = [0, 1, 2, 3].map((label) => [1, 2, 3, 4].map((topK) => accuracy(scores, [label], { topK })));
    expect(hits).toEqual([
      [1, 1, 1, 1],
      [0, 0, 0, 1],
      [0, 1, 1, 1],
      [0, 0, 1, 1],
    ]);
  });

  test('is the same in a step, with ties and ignored labels', async () => {
    const random = new HostRandom(3, 'accuracy');
    const whole = (n: number) => Math.floor(n * random.uniform());
    for (let run = 0; run < 20; run++) {
      const [rows, classes] = [1 + whole(8), 1 + whole(5)];
      const scores = Float32Array.from({ length: rows * classes }, () => whole(3));
      const labels = Int32Array.from({ length: rows }, () => whole(classes));
      const options = { topK: 1 + whole(classes), ...(run % 2 ? { ignoreIndex: labels[0]! + 1 } : {}) };
      if (labels.every((label) => label === options.ignoreIndex)) continue;
      expect(await stepAccuracy(scores, labels, options)).toBeCloseTo(accuracy(scores, labels, options), 6);
    }
  });

  test('in a step never counts NaN as right', async () => {
    expect(await stepAccuracy(Float32Array.of(NaN, NaN, NaN), Int32Array.of(1), {})).toBe(0);
  });

  test('ignores a label that is no class', () => {
    expect(accuracy([1, 0, 1, 0], [0, -1], { ignoreIndex: -1 })).toBe(1);
  });

  test.each([
    ['no labels', [], [], {}, 'accuracy: expected at least one label, got none'],
    [
      'a part of a row',
      [1, 2, 3],
      [0, 1],
      {},
      'accuracy: expected a positive whole number of scores, got 1.5',
    ],
    ['a NaN score', [1, NaN], [0], {}, 'accuracy: expected finite numbers, got NaN at element 1'],
    ['a label that is no class', [1, 2], [2], {}, 'accuracy: expected classes 0 to 1, got 2 at element 0'],
    ['a topK of 0', [1, 2], [1], { topK: 0 }, 'accuracy: expected topK from 1 to 2, got 0'],
    ['a topK above the classes', [1, 2], [1], { topK: 3 }, 'accuracy: expected topK from 1 to 2, got 3'],
    [
      'nothing but ignored labels',
      [1, 2],
      [1],
      { ignoreIndex: 1 },
      'accuracy: expected a label other than ignoreIndex 1, got none',
    ],
  ])('on the host refuses %s', (_, scores, labels, options, message) => {
    expect(() => accuracy(scores, labels, options)).toThrow(ArgumentError);
    expect(() => accuracy(scores, labels, options)).toThrow(message);
  });

  test('in a step refuses labels of another shape', async () => {
    const build = compile(cpu(), { scores: f32(4, 3), labels: i32(3) }, (x) => ({
      outputs: { accuracy: accuracy(x.scores, x.labels) },
    }));
    await expect(build).rejects.toThrow(ShapeError);
    await expect(build).rejects.toThrow(
      'accuracy: expected scores [..., classes] and class indices [...], got [4, 3] and [3]',
    );
  });
});

test.each([accuracy, perplexity])('$name in a step refuses an empty set of labels', (metric) => {
  for (const shape of [
    [0, 3],
    [2, 0, 3],
    [2, 0],
  ]) {
    const call = () => metric(fill(0, shape), fill(0, shape.slice(0, -1), 'i32'));
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(
      `${metric.name}: expected scores [..., classes] with at least one position and class, got [${shape.join(', ')}]`,
    );
  }
});

test('in a step, with all labels ignored, accuracy is NaN and perplexity 1', async () => {
  const step = await compile(cpu(), { scores: f32(2, 3), labels: i32(2) }, ({ scores, labels }) => ({
    outputs: {
      accuracy: accuracy(scores, labels, { ignoreIndex: 1 }),
      perplexity: perplexity(scores, labels, { ignoreIndex: 1 }),
    },
  }));
  const values = await step({ scores: new Float32Array(6), labels: Int32Array.of(1, 1) });
  expect([await values.accuracy.item(), await values.perplexity.item()]).toEqual([NaN, 1]);
});

describe('perplexity', () => {
  test('on the host gives the golden values', () => {
    const plain = golden('perplexity_3x4x5');
    expect(perplexity(plain('in.logits'), plain('in.target'))).toBeCloseTo(plain('out.perplexity')[0]!, 5);
    const ignoring = golden('perplexity_2x6x4_ignore');
    const value = perplexity(ignoring('in.logits'), ignoring('in.target'), { ignoreIndex: 0 });
    expect(value).toBeCloseTo(ignoring('out.perplexity')[0]!, 5);
  });

  test('of equal logits is the number of classes, and of a certain right answer 1', () => {
    expect(perplexity(new Float32Array(12), [0, 1, 3])).toBeCloseTo(4, 12);
    expect(perplexity([1e4, -1e4, -1e4, 1e4], [0, 1])).toBe(1);
  });

  test('refuses targets that are no class and logits that are not finite', () => {
    expect(() => perplexity([0, 0], [5])).toThrow('perplexity: expected classes 0 to 1, got 5 at element 0');
    expect(() => perplexity([0, Infinity], [0])).toThrow('perplexity: expected finite numbers, got Infinity');
    expect(() => perplexity([], [])).toThrow('perplexity: expected at least one label, got none');
  });
});

describe('ConfusionMatrix', () => {
  test('counts over batches and gives precision, recall and F1 of each class', () => {
    const matrix = new ConfusionMatrix(3);
    matrix.add([0, 0, 1], [0, 1, 1]).add(Int32Array.of(1, 0), Int32Array.of(1, 0));
    expect([...matrix.counts]).toEqual([2, 0, 0, 1, 2, 0, 0, 0, 0]);
    expect(matrix.total).toBe(5);
    expect(matrix.accuracy).toBe(4 / 5);
    expect([...matrix.precision]).toEqual([2 / 3, 1, 0]);
    expect([...matrix.recall]).toEqual([1, 2 / 3, 0]);
    expect([...matrix.f1]).toEqual([0.8, 0.8, 0]);
    expect(new ConfusionMatrix(2).accuracy).toBe(0);
  });

  test('refuses what is no class, and counts nothing of that batch', () => {
    const matrix = new ConfusionMatrix(2);
    expect(() => matrix.add([0, 2], [0, 1])).toThrow(
      'ConfusionMatrix predictions: expected classes 0 to 1, got 2 at element 1',
    );
    expect(() => matrix.add([0, 1], [0, -1])).toThrow(
      'ConfusionMatrix labels: expected classes 0 to 1, got -1 at element 1',
    );
    expect(() => matrix.add([0], [0, 1])).toThrow('ConfusionMatrix: expected 2 predictions, got 1');
    expect(matrix.total).toBe(0);
    expect(() => new ConfusionMatrix(0)).toThrow(ArgumentError);
  });
});

describe('inceptionScore', () => {
  test('runs from 1 for equal rows to the number of classes for certain, balanced ones', () => {
    expect(inceptionScore([0.2, 0.8, 0.2, 0.8, 0.2, 0.8], 2).mean).toBeCloseTo(1, 12);
    const { mean, std } = inceptionScore([1, 0, 0, 0, 1, 0, 0, 0, 1], 3);
    expect(mean).toBeCloseTo(3, 12);
    expect(std).toBe(0);
  });

  test('of blocks of unequal size takes mean and deviation over blocks', () => {
    // blocks of 2, 2 and 1 rows: scores 2, 1, 1
    const { mean, std } = inceptionScore([1, 0, 0, 1, 1, 0, 1, 0, 0, 1], 2, { splits: 3 });
    expect(mean).toBeCloseTo(4 / 3, 12);
    expect(std).toBeCloseTo(Math.sqrt(2) / 3, 12);
  });

  test.each([
    ['no rows', [], 2, {}, 'expected at least 1 rows of 2 classes, got 0 elements'],
    [
      'more splits than rows',
      [1, 0],
      2,
      { splits: 2 },
      'expected at least 2 rows of 2 classes, got 2 elements',
    ],
    ['splits that are not whole', [1, 0], 2, { splits: 0.5 }, 'expected a positive whole number of splits'],
    ['logits', [2, 1], 2, {}, 'expected probabilities that add up to 1, got 3 in row 0'],
    [
      'a negative probability',
      [1, 0, 1.5, -0.5],
      2,
      {},
      'expected no negative probability, got -0.5 in row 1',
    ],
    ['NaN', [NaN, 1], 2, {}, 'expected finite numbers, got NaN at element 0'],
  ])('refuses %s', (_, p, classes, options, message) => {
    expect(() => inceptionScore(p, classes, options)).toThrow(ArgumentError);
    expect(() => inceptionScore(p, classes, options)).toThrow(`inceptionScore: ${message}`);
  });
});

/** Rows [n, width] of features, turned by `angle` in the plane of the first two. */
function turned(features: Float64Array, width: number, angle: number): Float64Array {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const result = features.slice();
  for (let row = 0; row < features.length; row += width) {
    result[row] = c * features[row]! - s * features[row + 1]!;
    result[row + 1] = s * features[row]! + c * features[row + 1]!;
  }
  return result;
}

describe('fid', () => {
  const diagonal = (...variances: number[]) =>
    Float64Array.from({ length: variances.length ** 2 }, (_, i) =>
      i % (variances.length + 1) === 0 ? variances[i / (variances.length + 1)]! : 0,
    );

  test('of Gaussians with diagonal covariances is the sum over axes of (Δμ)² + (σa − σb)²', () => {
    const a = { mean: Float64Array.of(1, 0, 2), covariance: diagonal(4, 9, 0) };
    const b = { mean: Float64Array.of(0, 0, 5), covariance: diagonal(1, 9, 16) };
    expect(frechetDistance(a, b)).toBeCloseTo(1 + 9 + 1 + 0 + 16, 10);
    expect(frechetDistance(b, a)).toBeCloseTo(27, 10);
  });

  test('of a shifted set is the squared shift, also with fewer samples than features', () => {
    for (const [rows, width] of [
      [50, 5],
      [4, 60],
      [2, 3],
    ] as const) {
      const a = Float64Array.from(normals(rows * width, rows));
      expect(fid(a, a, width)).toBeLessThan(1e-6);
      expect(
        fid(
          a,
          a.map((x) => x + 2),
          width,
        ),
      ).toBeCloseTo(4 * width, 5);
    }
  });

  test('does not change when both sets turn, is symmetric, and grows with the square of the scale', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        (rows, width, seed, angle) => {
          const a = Float64Array.from(normals(rows * width, seed));
          const b = Float64Array.from(normals((rows + 1) * width, seed + 1), (x) => 2 * x + 1);
          const value = fid(a, b, width);
          // square roots of eigenvalues near 0 keep half of the digits
          expect(fid(turned(a, width, angle), turned(b, width, angle), width)).toBeCloseTo(value, 5);
          expect(fid(b, a, width)).toBeCloseTo(value, 5);
          const threefold = (x: Float64Array) => x.map((y) => 3 * y);
          expect(fid(threefold(a), threefold(b), width) / 9).toBeCloseTo(value, 5);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('statistics are the mean and the covariance with denominator n − 1', () => {
    const { mean, covariance } = featureStatistics([1, 2, 3, 6, 5, 4], 2);
    expect([...mean]).toEqual([3, 4]);
    expect([...covariance]).toEqual([4, 2, 2, 4]);
  });

  test.each([
    ['one row', [1, 2], 2, 'expected at least 2 rows of 2 features, got 2 elements'],
    ['a part of a row', [1, 2, 3], 2, 'expected at least 2 rows of 2 features, got 3 elements'],
    ['NaN', [1, 2, NaN, 4], 2, 'expected finite numbers, got NaN at element 2'],
    ['no features', [1, 2], 0, 'expected a positive whole number of features, got 0'],
  ])('refuses %s', (_, features, width, message) => {
    expect(() => fid(features, features, width)).toThrow(ArgumentError);
    expect(() => fid(features, features, width)).toThrow(message);
  });

  test('refuses statistics of different widths', () => {
    const [a, b] = [featureStatistics([1, 2, 3, 5], 2), featureStatistics([1, 2], 1)];
    expect(() => frechetDistance(a, b)).toThrow('frechetDistance: expected two means [2]');
  });
});

describe('symmetric matrices', () => {
  test('eigenvalues of the second difference matrix are 2 − 2 cos(kπ / (n + 1))', () => {
    for (const n of [1, 2, 3, 40]) {
      const matrix = Float64Array.from({ length: n * n }, (_, k) => {
        const distance = Math.abs(Math.floor(k / n) - (k % n));
        return distance === 0 ? 2 : distance === 1 ? -1 : 0;
      });
      const expected = Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)));
      symmetricEigenvalues(matrix, n).forEach((value, k) => expect(value).toBeCloseTo(expected[k]!, 13));
    }
  });

  test('eigenvalues of a turned diagonal matrix are its diagonal: repeated, negative and 0', () => {
    const n = 7;
    const eigenvalues = [-3, 0, 0, 1e-8, 2, 2, 1e3];
    // A = H D H for the reflection H = I − 2 v vᵀ / vᵀv
    const v = Float64Array.from(normals(n, 4));
    const norm2 = v.reduce((total, x) => total + x * x, 0);
    const h = (i: number, j: number) => (i === j ? 1 : 0) - (2 * v[i]! * v[j]!) / norm2;
    const matrix = Float64Array.from({ length: n * n }, (_, k) =>
      eigenvalues.reduce((total, d, m) => total + h(Math.floor(k / n), m) * d * h(m, k % n), 0),
    );
    symmetricEigenvalues(matrix, n).forEach((value, k) => expect(value).toBeCloseTo(eigenvalues[k]!, 11));
  });

  test('eigenvalues of zeros are zeros', () => {
    expect([...symmetricEigenvalues(new Float64Array(9), 3)]).toEqual([0, 0, 0]);
    expect([...symmetricEigenvalues(new Float64Array(0), 0)]).toEqual([]);
  });

  test('a Cholesky factor multiplies back and has as many vectors as the rank', () => {
    const [n, rank] = [9, 4];
    const factor = Array.from({ length: rank }, (_, k) => normals(n, k));
    const matrix = Float64Array.from({ length: n * n }, (_, k) =>
      factor.reduce((total, f) => total + f[Math.floor(k / n)]! * f[k % n]!, 0),
    );
    const found = pivotedCholesky(matrix, n);
    expect(found).toHaveLength(rank);
    matrix.forEach((value, k) =>
      expect(found.reduce((total, f) => total + f[Math.floor(k / n)]! * f[k % n]!, 0)).toBeCloseTo(value, 12),
    );
    expect(pivotedCholesky(new Float64Array(4), 2)).toEqual([]);
  });
});
