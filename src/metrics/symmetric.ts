// Linear algebra of symmetric matrices, in float64: [n, n] in C order, of which the lower triangle is read.

/** Vectors whose outer products add up to a matrix: f · fᵀ summed over the rows f of the result. */
export type Factor = readonly Float64Array[];

/**
 * Cholesky factor of a positive semidefinite matrix, with complete pivoting: A = Σₖ fₖ fₖᵀ (Higham, "Accuracy and
 * Stability of Numerical Algorithms", 10.3). It ends at the numerical rank, where no more than rounding remains.
 *
 * @param matrix [n, n]
 * @returns rank vectors [n]
 */
export function pivotedCholesky(matrix: Float64Array, n: number): Factor {
  const factor: Float64Array[] = [];
  const remaining = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i]!);
  const negligible = n * Number.EPSILON * remaining.reduce((a, b) => Math.max(a, b), 0);
  while (factor.length < n) {
    const pivot = remaining.reduce((best, value, i) => (value > remaining[best]! ? i : best), 0);
    if (remaining[pivot]! <= negligible) break;
    const column = Float64Array.from({ length: n }, (_, i) => at(matrix, n, i, pivot));
    for (const f of factor) for (let i = 0; i < n; i++) column[i]! -= f[i]! * f[pivot]!;
    const scale = 1 / Math.sqrt(remaining[pivot]!);
    for (let i = 0; i < n; i++) {
      column[i]! *= scale;
      remaining[i]! -= column[i]! ** 2;
    }
    remaining[pivot] = 0;
    factor.push(column);
  }
  return factor;
}

/**
 * Eigenvalues of a symmetric matrix, ascending: Householder reflections to tridiagonal form, then bisection by the
 * signs of Sturm sequences (Golub and Van Loan, "Matrix Computations", 8.3.1 and 8.4.1). 4/3 n³ operations; the
 * absolute error is a few roundings of the largest eigenvalue.
 *
 * @param matrix [n, n], left as it is
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, offDiagonal } = tridiagonal(matrix, n);
  const squares = offDiagonal.map((e) => e * e);
  // Gershgorin's discs hold all eigenvalues
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < n; i++) {
    const radius = Math.abs(offDiagonal[i - 1] ?? 0) + Math.abs(offDiagonal[i] ?? 0);
    low = Math.min(low, diagonal[i]! - radius);
    high = Math.max(high, diagonal[i]! + radius);
  }
  const eps = Number.EPSILON * Math.max(Math.abs(low), Math.abs(high));
  const smallest = Math.max(eps * Number.EPSILON, Number.MIN_VALUE);

  /** Eigenvalues below x: negative pivots of T − x I. */
  const countBelow = (x: number): number => {
    let count = 0;
    let pivot = 1;
    for (let i = 0; i < n; i++) {
      pivot = diagonal[i]! - x - (i === 0 ? 0 : squares[i - 1]! / pivot);
      if (Math.abs(pivot) < smallest) pivot = -smallest;
      if (pivot < 0) count++;
    }
    return count;
  };

  const eigenvalues = new Float64Array(n);
  let from = low;
  for (let k = 0; k < n; k++) {
    let [below, above] = [from, high];
    while (above - below > eps) {
      const middle = below + (above - below) / 2;
      if (middle === below || middle === above) break;
      if (countBelow(middle) <= k) below = middle;
      else above = middle;
    }
    from = below;
    eigenvalues[k] = below + (above - below) / 2;
  }
  return eigenvalues;
}

/** Qᵀ A Q for an orthogonal Q, as its diagonal [n] and what is beside it [n − 1]. */
function tridiagonal(matrix: Float64Array, n: number): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const a = Float64Array.from({ length: n * n }, (_, k) => at(matrix, n, Math.floor(k / n), k % n));
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  for (let k = 0; k < n - 1; k++) {
    // The reflection along v takes column k below the diagonal to (beta, 0, …, 0).
    const v = Float64Array.from({ length: n }, (_, i) => (i > k ? a[i * n + k]! : 0));
    const beta = (v[k + 1]! > 0 ? -1 : 1) * Math.sqrt(dot(v, v));
    offDiagonal[k] = beta;
    v[k + 1]! -= beta;
    const norm2 = dot(v, v);
    if (norm2 === 0) continue;
    // A − v wᵀ − w vᵀ on the rows and columns after k
    const w = new Float64Array(n);
    for (let i = k + 1; i < n; i++) w[i] = (2 / norm2) * dot(a.subarray(i * n, (i + 1) * n), v);
    const half = dot(v, w) / norm2;
    for (let i = k + 1; i < n; i++) w[i]! -= half * v[i]!;
    for (let i = k + 1; i < n; i++)
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= v[i]! * w[j]! + w[i]! * v[j]!;
  }
  return { diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), offDiagonal };
}

const at = (matrix: Float64Array, n: number, i: number, j: number): number =>
  matrix[Math.max(i, j) * n + Math.min(i, j)]!;

export function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}
