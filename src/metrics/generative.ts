import { ArgumentError } from '../graph/index.ts';
import { requireFinite, rowsOf } from './checks.ts';
import { dot, pivotedCholesky, symmetricEigenvalues, type Factor } from './symmetric.ts';

/** How far the probabilities of a row may add up from 1: float32 softmax over thousands of classes. */
const SUM_TOLERANCE = 1e-3;

/**
 * Inception Score exp(mean over rows of KL(p(y|x) ‖ p(y))), where p(y) is the mean row of the split (notes 9.3.3;
 * Salimans et al. 2016). From 1 (all rows are alike) to `classes` (certain of each row, all classes equally often).
 *
 * @param probabilities [n, classes] of any classifier: rows that add up to 1
 * @param options `splits` consecutive blocks of nearly equal size (default 1), as of `numpy.array_split`
 * @returns mean and standard deviation (denominator: splits) of the scores of the blocks
 * @throws ArgumentError for fewer rows than splits, and for rows that are no distribution
 */
export function inceptionScore(
  probabilities: ArrayLike<number>,
  classes: number,
  { splits = 1 }: { splits?: number } = {},
): { mean: number; std: number } {
  if (!Number.isInteger(splits) || splits < 1)
    throw new ArgumentError('inceptionScore', 'a positive whole number of splits', splits);
  const rows = rowsOf('inceptionScore', probabilities, classes, 'classes', splits);
  requireDistributions(probabilities, rows, classes);
  const scores = Array.from({ length: splits }, (_, split) => {
    // The first `rows % splits` blocks are one row longer.
    const start = (i: number) => i * Math.floor(rows / splits) + Math.min(i, rows % splits);
    return scoreOf(probabilities, start(split), start(split + 1), classes);
  });
  const mean = scores.reduce((a, b) => a + b, 0) / splits;
  const variance = scores.reduce((total, score) => total + (score - mean) ** 2, 0) / splits;
  return { mean, std: Math.sqrt(variance) };
}

function scoreOf(p: ArrayLike<number>, from: number, to: number, classes: number): number {
  const marginal = new Float64Array(classes);
  for (let i = from * classes; i < to * classes; i++) marginal[i % classes]! += p[i]! / (to - from);
  let divergence = 0;
  for (let i = from * classes; i < to * classes; i++)
    if (p[i]! > 0) divergence += p[i]! * Math.log(p[i]! / marginal[i % classes]!); // 0 log 0 = 0
  return Math.exp(divergence / (to - from));
}

function requireDistributions(p: ArrayLike<number>, rows: number, classes: number): void {
  requireFinite('inceptionScore', p);
  for (let row = 0; row < rows; row++) {
    let total = 0;
    for (let i = row * classes; i < (row + 1) * classes; i++) {
      if (p[i]! < 0)
        throw new ArgumentError('inceptionScore', 'no negative probability', `${p[i]} in row ${row}`);
      total += p[i]!;
    }
    if (Math.abs(total - 1) > SUM_TOLERANCE)
      throw new ArgumentError('inceptionScore', 'probabilities that add up to 1', `${total} in row ${row}`);
  }
}

/** The Gaussian that stands for a set of feature vectors. */
export interface FeatureStatistics {
  /** [width] */
  readonly mean: Float64Array;
  /** [width, width], symmetric positive semidefinite. */
  readonly covariance: Float64Array;
}

/**
 * Mean and covariance (denominator n − 1) of feature vectors.
 *
 * @param features [n, width] with n ≥ 2, of any network
 * @throws ArgumentError for fewer than 2 rows or numbers that are not finite
 */
export function featureStatistics(features: ArrayLike<number>, width: number): FeatureStatistics {
  const rows = rowsOf('featureStatistics', features, width, 'features', 2);
  requireFinite('featureStatistics', features);
  const mean = new Float64Array(width);
  for (let i = 0; i < features.length; i++) mean[i % width]! += features[i]! / rows;
  const covariance = new Float64Array(width * width);
  const centred = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) centred[i] = features[row * width + i]! - mean[i]!;
    for (let i = 0; i < width; i++) {
      const scaled = centred[i]! / (rows - 1);
      for (let j = 0; j <= i; j++) covariance[i * width + j]! += scaled * centred[j]!;
    }
  }
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++) covariance[j * width + i] = covariance[i * width + j]!;
  return { mean, covariance };
}

/**
 * Squared Fréchet (Wasserstein-2) distance of two Gaussians (notes 9.3.4; Dowson and Landau 1982):
 * ‖μa − μb‖² + tr Σa + tr Σb − 2 tr (Σa Σb)^½.
 *
 * With factors Σa = A Aᵀ and Σb = B Bᵀ the trace of the root is the sum of the singular values of Aᵀ B, that is of the
 * roots of the eigenvalues of a symmetric matrix, no larger than either rank. It is stable also where Σa Σb has no
 * square root to speak of: with fewer samples than features.
 *
 * @returns at least 0
 * @throws ArgumentError when the widths differ
 */
export function frechetDistance(a: FeatureStatistics, b: FeatureStatistics): number {
  const n = a.mean.length;
  if (b.mean.length !== n || a.covariance.length !== n * n || b.covariance.length !== n * n)
    throw new ArgumentError('frechetDistance', `two means [${n}] and covariances [${n}, ${n}]`, [
      b.mean.length,
      a.covariance.length,
      b.covariance.length,
    ]);
  let distance = 0;
  for (let i = 0; i < n; i++)
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[i * n + i]! + b.covariance[i * n + i]!;
  const [few, many] = [pivotedCholesky(a.covariance, n), pivotedCholesky(b.covariance, n)].sort(
    (x, y) => x.length - y.length,
  ) as [Factor, Factor];
  const rank = few.length;
  const products = few.map((f) => Float64Array.from(many, (g) => dot(f, g)));
  const squared = Float64Array.from({ length: rank * rank }, (_, i) =>
    dot(products[Math.floor(i / rank)]!, products[i % rank]!),
  );
  for (const eigenvalue of symmetricEigenvalues(squared, rank))
    distance -= 2 * Math.sqrt(Math.max(0, eigenvalue));
  return Math.max(0, distance);
}

/**
 * Fréchet Inception Distance of two sets of samples from their features (notes 9.3.4; Heusel et al. 2017); see
 * `frechetDistance`. Any feature extractor will do, but only distances of the same one compare. The work grows with the
 * cube of the width.
 *
 * @param a [n, width] with n ≥ 2
 * @param b [m, width] with m ≥ 2
 * @returns at least 0; 0 for equal means and covariances
 * @throws ArgumentError for fewer than 2 rows or numbers that are not finite
 */
export function fid(a: ArrayLike<number>, b: ArrayLike<number>, width: number): number {
  return frechetDistance(featureStatistics(a, width), featureStatistics(b, width));
}
