import {
  broadcastShapes,
  defineOp,
  DTypeError,
  emit,
  sameShape,
  ShapeError,
  sizeOf,
  type Tensor,
} from '../graph/index.ts';
import { broadcast } from './broadcast.ts';
import { add } from './pointwise.ts';
import { reshape } from './view.ts';

export interface MatmulAttrs {
  /** Read a as [..., k, m] instead of [..., m, k]; nothing is copied. */
  readonly transposeA: boolean;
  /** Read b as [..., n, k] instead of [..., k, n]. */
  readonly transposeB: boolean;
}

/** The sizes of op(A) op(B): rows m, inner k, columns n. */
export function matmulSizes(
  a: Tensor,
  b: Tensor,
  { transposeA, transposeB }: MatmulAttrs,
): { m: number; k: number; n: number } {
  const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  return { m, k, n: b.shape.at(transposeB ? -2 : -1)! };
}

export const matmulOp = defineOp<'matmul', MatmulAttrs>({
  name: 'matmul',
  kind: 'kernel',
  shape([a, b], attrs) {
    const expected = `${attrs.transposeA ? '[..., k, m]' : '[..., m, k]'} and ${attrs.transposeB ? '[..., n, k]' : '[..., k, n]'}`;
    const fits =
      a!.rank >= 2 && a!.rank === b!.rank && sameShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    if (!fits || b!.shape.at(attrs.transposeB ? -1 : -2) !== matmulSizes(a!, b!, attrs).k)
      throw new ShapeError('matmul', [a!.shape, b!.shape], expected);
    const { m, n } = matmulSizes(a!, b!, attrs);
    return [...a!.shape.slice(0, -2), m, n];
  },
  // C = op(A) op(B): d op(A) = dC op(B)ᵀ, d op(B) = op(A)ᵀ dC; a transposed operand takes the transpose of that.
  vjp: (dC, [a, b], { transposeA: tA, transposeB: tB }) => [
    tA ? matmul(b!, dC, { transposeA: tB, transposeB: true }) : matmul(dC, b!, { transposeB: !tB }),
    tB ? matmul(dC, a!, { transposeA: true, transposeB: tA }) : matmul(a!, dC, { transposeA: !tA }),
  ],
});

/**
 * Matrix product C = op(A) op(B), over leading batch axes that broadcast.
 *
 * @param a [..., m, k], or [..., k, m] with `transposeA`
 * @param b [..., k, n], or [..., n, k] with `transposeB`
 * @returns [..., m, n]; element (i, j) is the sum over p of op(a)[i, p] · op(b)[p, j]
 * @throws ShapeError when an operand has fewer than two axes, the two k differ or the batch axes do not broadcast
 */
export function matmul(a: Tensor, b: Tensor, options: Partial<MatmulAttrs> = {}): Tensor {
  const attrs = { transposeA: false, transposeB: false, ...options };
  if (a.dtype !== 'f32' || b.dtype !== 'f32')
    throw new DTypeError('matmul', 'f32 and f32', `${a.dtype} and ${b.dtype}`);
  if (a.rank < 2 || b.rank < 2)
    throw new ShapeError('matmul', [a.shape, b.shape], 'operands with at least two axes');
  if (b.rank === 2 && a.rank > 2 && !attrs.transposeA) {
    // One matrix for the whole batch: a single tall product.
    const rows = reshape(a, [sizeOf(a.shape.slice(0, -1)), a.shape.at(-1)!]);
    const product = emit(matmulOp, [rows, b], attrs);
    return reshape(product, [...a.shape.slice(0, -1), product.shape[1]!]);
  }
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!batch) throw new ShapeError('matmul', [a.shape, b.shape], 'batch axes that broadcast');
  const full = (x: Tensor) => broadcast(x, [...batch, ...x.shape.slice(-2)]);
  return emit(matmulOp, [full(a), full(b)], attrs);
}

/**
 * y = x Wᵀ + b on the last axis.
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out] or null
 * @returns [..., out]
 * @throws ShapeError when the sizes do not fit
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  if (
    weight.rank !== 2 ||
    x.rank === 0 ||
    x.shape.at(-1) !== weight.shape[1] ||
    (bias && (bias.rank !== 1 || bias.shape[0] !== weight.shape[0]))
  ) {
    throw new ShapeError(
      'linear',
      [x.shape, weight.shape, ...(bias ? [bias.shape] : [])],
      `x [..., in], weight [out, in]${bias ? ' and bias [out]' : ''}`,
    );
  }
  const rows = x.rank === 1 ? reshape(x, [1, -1]) : x;
  const product = matmul(rows, weight, { transposeB: true });
  const y = x.rank === 1 ? reshape(product, [-1]) : product;
  return bias ? add(y, bias) : y;
}
