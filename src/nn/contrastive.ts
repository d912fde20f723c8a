import { ArgumentError, sameShape, ShapeError, type Tensor } from '../graph/index.ts';
import {
  concat,
  constant,
  div,
  eq,
  iota,
  matmul,
  maximum,
  mul,
  sqrt,
  square,
  sum,
  where,
} from '../ops/index.ts';
import { crossEntropy } from './losses.ts';
import type { LossOptions } from './reduction.ts';

export interface ContrastiveOptions extends LossOptions {
  /** τ > 0: what similarities are divided by. */
  temperature?: number;
}

/** Square of the least norm that a vector is divided by. */
const SMALLEST_SQUARE = 1e-24;
/** In place of the similarity of a vector with itself; others are at most 1 / τ in size. */
const EXCLUDED = -1e30;

function checkPairs(op: string, a: Tensor, b: Tensor, temperature: number): void {
  if (a.rank !== 2 || a.size === 0 || !sameShape(a.shape, b.shape))
    throw new ShapeError(
      op,
      [a.shape, b.shape],
      'two batches of vectors [n, d], row i of one belonging to row i of the other',
    );
  if (!(temperature > 0)) throw new ArgumentError(op, 'temperature > 0', temperature);
}

/** Rows of unit length. */
const normalized = (x: Tensor): Tensor =>
  div(x, sqrt(maximum(sum(square(x), { axes: 1, keepdim: true }), SMALLEST_SQUARE)));

/**
 * InfoNCE: −log (e^{s_ii} / Σ_j e^{s_ij}) for each query i, s_ij the cosine of query i and key j over the temperature. The
 * keys of the other queries are the negatives (van den Oord et al. 2018, eq. 4; He et al. 2020, eq. 1).
 *
 * @param queries [n, d] f32
 * @param keys [n, d] f32; row i is what query i belongs to
 * @param options `temperature` > 0, default 0.1
 * @returns a scalar, or [n] for reduction 'none'
 * @throws ShapeError unless both are [n, d], ArgumentError for a temperature that is not positive or an unknown reduction
 */
export function infoNce(
  queries: Tensor,
  keys: Tensor,
  { temperature = 0.1, reduction = 'mean' }: ContrastiveOptions = {},
): Tensor {
  checkPairs('infoNce', queries, keys, temperature);
  const similarity = matmul(normalized(queries), normalized(keys), { transposeB: true });
  return crossEntropy(mul(similarity, 1 / temperature), iota([queries.shape[0]!], 0, 'i32'), { reduction });
}

/**
 * NT-Xent: all 2n vectors, each against the other 2n − 1: −log (e^{s_ij} / Σ_{k ≠ i} e^{s_ik}), j the partner of i and s the
 * cosine over the temperature (Chen et al. 2020, eq. 1).
 *
 * @param a [n, d] f32, one view of each sample
 * @param b [n, d] f32, another view of the same samples
 * @param options `temperature` > 0, default 0.5
 * @returns a scalar, or [2n] for reduction 'none': those of a, then those of b
 * @throws ShapeError unless both are [n, d], ArgumentError for a temperature that is not positive or an unknown reduction
 */
export function ntXent(
  a: Tensor,
  b: Tensor,
  { temperature = 0.5, reduction = 'mean' }: ContrastiveOptions = {},
): Tensor {
  checkPairs('ntXent', a, b, temperature);
  const n = a.shape[0]!;
  const all = normalized(concat([a, b], 0));
  const similarity = mul(matmul(all, all, { transposeB: true }), 1 / temperature);
  const itself = eq(iota(similarity.shape, 0), iota(similarity.shape, 1));
  const partner = constant(Int32Array.from({ length: 2 * n }, (_, i) => (i + n) % (2 * n)));
  return crossEntropy(where(itself, EXCLUDED, similarity), partner, { reduction });
}
