// C = op(A) op(B), a batch of products: op(A) [M, K], op(B) [K, N], C [M, N], all in C order as stored,
// that is A [K, M] with TRANSPOSE_A and B [N, K] with TRANSPOSE_B.
//
// Register tile, no workgroup memory: an invocation owns 4 rows by 4 columns, one vec4 column;
// each step over K loads 4 of its 4 rows of A and 4 rows of B. Lanes run along the columns of C. Rows and
// columns past the end load the last one and are not stored.
//
// Injected: A_ELEMENT, B_ELEMENT (f32 or vec4f), A_VECTOR, B_VECTOR (the contiguous axis is a multiple of 4),
// TRANSPOSE_A, TRANSPOSE_B, K_EDGE (K is not a multiple of 4), LANES_X, LANES_Y.
// Generated: epilogue(i, value). Library: store4, workgroup_index.
struct Sizes {
  m: u32,
  n: u32,
  k: u32,
  tiles_m: u32,
  tiles_n: u32,
  batches: u32,
  batch_stride_a: u32, // elements; 0 when one matrix serves the whole batch
  batch_stride_b: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<A_ELEMENT>;
@group(0) @binding(2) var<storage, read> b: array<B_ELEMENT>;

// Four neighbouring elements from `i` on; vec4f() keeps both element types valid.
fn load_a(i: u32) -> vec4f {
  if (A_VECTOR) {
    return vec4f(a[i / 4u]);
  }
  return vec4f(vec4f(a[i]).x, vec4f(a[i + 1u]).x, vec4f(a[i + 2u]).x, vec4f(a[i + 3u]).x);
}

fn load_b(i: u32) -> vec4f {
  if (B_VECTOR) {
    return vec4f(b[i / 4u]);
  }
  return vec4f(vec4f(b[i]).x, vec4f(b[i + 1u]).x, vec4f(b[i + 2u]).x, vec4f(b[i + 3u]).x);
}

// Column j: op(A)[row, k .. k + 3] of four rows j = 0 .. 3, where `i` points at (k, row) of A [K, M].
fn four_rows_transposed(i: u32, k: u32) -> mat4x4f {
  let last = sizes.k - 1u - k;
  return transpose(mat4x4f(
    load_a(i),
    load_a(i + min(1u, last) * sizes.m),
    load_a(i + min(2u, last) * sizes.m),
    load_a(i + min(3u, last) * sizes.m)
  ));
}

// Column p: op(B)[k + p, col .. col + 3].
fn four_rows_b(base: u32, k: u32, col: u32) -> mat4x4f {
  if (TRANSPOSE_B) {
    let last = sizes.n - 1u - min(col, sizes.n - 1u);
    let i = base + min(col, sizes.n - 1u) * sizes.k + k;
    return masked(transpose(mat4x4f(
      load_b(i),
      load_b(i + min(1u, last) * sizes.k),
      load_b(i + min(2u, last) * sizes.k),
      load_b(i + min(3u, last) * sizes.k)
    )), k);
  }
  let last = sizes.k - 1u - k;
  let i = base + k * sizes.n + col;
  return masked(mat4x4f(
    load_b(i),
    load_b(i + min(1u, last) * sizes.n),
    load_b(i + min(2u, last) * sizes.n),
    load_b(i + min(3u, last) * sizes.n)
  ), k);
}

// Zero the columns past the end of K: what was loaded there may be anything, NaN included.
fn masked(rows: mat4x4f, k: u32) -> mat4x4f {
  if (!K_EDGE) {
    return rows;
  }
  let left = sizes.k - k;
  return mat4x4f(
    rows[0],
    select(vec4f(), rows[1], left > 1u),
    select(vec4f(), rows[2], left > 2u),
    select(vec4f(), rows[3], left > 3u)
  );
}

// The same for four neighbouring k of one row of A.
fn masked_k(row: vec4f, k: u32) -> vec4f {
  if (!K_EDGE) {
    return row;
  }
  return select(vec4f(), row, vec4u(k) + vec4u(0u, 1u, 2u, 3u) < vec4u(sizes.k));
}

@compute @workgroup_size(LANES_X, LANES_Y)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_id) local: vec3u
) {
  let tile = workgroup_index(group_id, group_count);
  let batch = tile / (sizes.tiles_m * sizes.tiles_n);
  if (batch >= sizes.batches) {
    return;
  }
  let row = ((tile / sizes.tiles_n) % sizes.tiles_m) * (LANES_Y * 4u) + local.y * 4u;
  let col = (tile % sizes.tiles_n) * (LANES_X * 4u) + local.x * 4u;
  if (row >= sizes.m || col >= sizes.n) {
    return;
  }
  let base_a = batch * sizes.batch_stride_a;
  let base_b = batch * sizes.batch_stride_b;
  let col0 = col;
  // Element offsets of the rows in A, in steps of one row (or, transposed, of four columns).
  let a0 = base_a + min(row + 0u, sizes.m - 1u) * sizes.k;
  let a1 = base_a + min(row + 1u, sizes.m - 1u) * sizes.k;
  let a2 = base_a + min(row + 2u, sizes.m - 1u) * sizes.k;
  let a3 = base_a + min(row + 3u, sizes.m - 1u) * sizes.k;

  var c00 = vec4f();
  var c10 = vec4f();
  var c20 = vec4f();
  var c30 = vec4f();
  for (var k = 0u; k < sizes.k; k += 4u) {
    let b0 = four_rows_b(base_b, k, col0);
    if (TRANSPOSE_A) {
      let rows0 = four_rows_transposed(base_a + k * sizes.m + row, k);
      let x0 = masked_k(rows0[0], k); c00 += b0 * x0;
      let x1 = masked_k(rows0[1], k); c10 += b0 * x1;
      let x2 = masked_k(rows0[2], k); c20 += b0 * x2;
      let x3 = masked_k(rows0[3], k); c30 += b0 * x3;
    } else {
      let x0 = masked_k(load_a(a0 + k), k); c00 += b0 * x0;
      let x1 = masked_k(load_a(a1 + k), k); c10 += b0 * x1;
      let x2 = masked_k(load_a(a2 + k), k); c20 += b0 * x2;
      let x3 = masked_k(load_a(a3 + k), k); c30 += b0 * x3;
    }
  }

  var results = array<vec4f, 4>(c00, c10, c20, c30);
  for (var r = 0u; r < 4u; r++) {
    if (row + r < sizes.m) {
      store4((batch * sizes.m + row + r) * sizes.n + col, sizes.n - col, results[r]);
    }
  }
}
