/** Far more than the error's first digits need. */
const ITERATIONS = 50;

/**
 * Mean squared error per element of the best linear autoencoder of a given width: principal components of x itself, by
 * subspace iteration (Golub and Van Loan, "Matrix Computations", 8.2.4).
 *
 * @param x [n, d] samples; quick when most elements are 0
 * @param width components; 0 leaves the mean
 */
export function pcaError(x: Float32Array, d: number, width: number): number {
  const covariance = covarianceOf(x, d);
  // any start that no component is orthogonal to
  let basis: Float64Array[] = Array.from({ length: width }, (_, k) =>
    Float64Array.from({ length: d }, (_, i) => Math.sin((k + 1) * (i + 1))),
  );
  for (let i = 0; i < ITERATIONS; i++) basis = orthonormal(basis.map((v) => times(covariance, v)));
  const captured = basis.reduce((sum, v) => sum + dot(v, times(covariance, v)), 0);
  const total = covariance.reduce((sum, row, i) => sum + row[i]!, 0);
  return (total - captured) / d;
}

/** Rows of the covariance matrix. */
function covarianceOf(x: Float32Array, d: number): Float64Array[] {
  const n = x.length / d;
  const mean = new Float64Array(d);
  const rows = Array.from({ length: d }, () => new Float64Array(d));
  for (let start = 0; start < x.length; start += d) {
    const values = x.subarray(start, start + d);
    const present = [...values.keys()].filter((i) => values[i] !== 0);
    for (const i of present) {
      mean[i]! += values[i]! / n;
      for (const j of present) rows[i]![j]! += (values[i]! * values[j]!) / n;
    }
  }
  rows.forEach((row, i) => row.forEach((_, j) => (row[j]! -= mean[i]! * mean[j]!)));
  return rows;
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const times = (matrix: readonly Float64Array[], v: Float64Array) =>
  Float64Array.from(matrix, (row) => dot(row, v));

/** Gram–Schmidt. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = Float64Array.from(vector);
    for (const unit of done) {
      const along = dot(rest, unit);
      rest.forEach((_, i) => (rest[i]! -= along * unit[i]!));
    }
    const norm = Math.sqrt(dot(rest, rest));
    done.push(rest.map((value) => value / norm));
  }
  return done;
}
