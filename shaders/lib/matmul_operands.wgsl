// How the matmul kernels read their operands: `a`, `b`, `sizes` and the constants are those of the kernel file.

// Four neighbouring floats; the outer vec4f() keeps both element types valid.
fn load_a(i: u32) -> vec4f {
  if (A_UNIT == 4u) {
    return vec4f(a[i]);
  }
  return vec4f(vec4f(a[i]).x, vec4f(a[i + 1u]).x, vec4f(a[i + 2u]).x, vec4f(a[i + 3u]).x);
}

fn load_b(i: u32) -> vec4f {
  if (B_UNIT == 4u) {
    return vec4f(b[i]);
  }
  return vec4f(vec4f(b[i]).x, vec4f(b[i + 1u]).x, vec4f(b[i + 2u]).x, vec4f(b[i + 3u]).x);
}

// op(A)[row, k] and op(B)[k, col .. col + 3], for what is left of K.
fn one_a(base: u32, row: u32, k: u32) -> f32 {
  let i = base + select(min(row, sizes.m - 1u) * sizes.k + k, k * sizes.m + min(row, sizes.m - 1u), TRANSPOSE_A);
  return vec4f(a[i / A_UNIT])[i % A_UNIT];
}

fn one_b(base: u32, k: u32, col: u32) -> vec4f {
  var row = vec4f();
  for (var j = 0u; j < 4u; j++) {
    let c = min(col + j, sizes.n - 1u);
    let i = base + select(k * sizes.n + c, c * sizes.k + k, TRANSPOSE_B);
    row[j] = vec4f(b[i / B_UNIT])[i % B_UNIT];
  }
  return row;
}
