import type { Tensor } from '../graph/index.ts';
import { emitSum, matmulSizes, mul, reshape, type MatmulAttrs } from '../ops/index.ts';
import { rewrite } from './rewrite.ts';

/**
 * Products with a single row, column or inner element are sums of elementwise products, or only those: kernels for matrices
 * would leave most of their tiles empty, and sums join with the work around them.
 */
export function vectorProducts(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, [a, b]) =>
    hasVector(node) ? asSum(a!, b!, node.attrs as MatmulAttrs, node) : null,
  );
}

function hasVector({ op, inputs: [a, b], attrs }: Tensor): boolean {
  if (op.name !== 'matmul') return false;
  const { m, k, n } = matmulSizes(a!, b!, attrs as MatmulAttrs);
  return m === 1 || k === 1 || n === 1;
}

function asSum(a: Tensor, b: Tensor, { transposeA, transposeB }: MatmulAttrs, { shape }: Tensor): Tensor {
  const { m, k, n } = matmulSizes(a, b, { transposeA, transposeB });
  const batch = shape.slice(0, -2);
  const matrix = (x: Tensor, rows: number, columns: number) => reshape(x, [...batch, rows, columns]);
  if (k === 1) return mul(matrix(a, m, 1), matrix(b, 1, n));
  // k runs along the rows of the operand that is a matrix, or down its columns.
  const alongRows = n === 1 ? !transposeA : transposeB;
  const vector = matrix(n === 1 ? b : a, alongRows ? 1 : k, alongRows ? k : 1);
  const products = mul(n === 1 ? a : b, vector);
  return reshape(emitSum(products, [products.rank - (alongRows ? 1 : 2)]), shape);
}
