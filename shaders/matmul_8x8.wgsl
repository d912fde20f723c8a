// C = op(A) op(B), a batch of products: op(A) [M, K], op(B) [K, N], C [M, N], all in C order as stored,
// that is A [K, M] with TRANSPOSE_A and B [N, K] with TRANSPOSE_B.
//
// Register tile, no workgroup memory: an invocation owns 8 rows by 8 columns, two vec4 columns LANES_X apart.
// Each step over K takes 4 values of each row of A and 4 rows of its columns of B. Lanes run along the columns of C.
// Rows and columns past the end load whatever is there (the last row, the next row's start) and are not stored.
// With K_REST, what is left of K after the last whole step is added one k at a time.
//
// Offsets into a and b are in units of their element type: vec4f where the contiguous axis is a multiple of 4.
//
// Injected: A_ELEMENT, B_ELEMENT (f32 or vec4f), A_UNIT, B_UNIT (floats in them: 1 or 4), TRANSPOSE_A, TRANSPOSE_B,
// K_REST (K is not a multiple of 4), LANES_X, LANES_Y. Generated: epilogue(i, value).
// Library: load_a, load_b, one_a, one_b, store4, workgroup_index.
struct Sizes {
  m: u32,
  n: u32,
  k: u32,
  tiles_m: u32,
  tiles_n: u32,
  batches: u32,
  batch_stride_a: u32, // floats; 0 when one matrix serves the whole batch
  batch_stride_b: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<A_ELEMENT>;
@group(0) @binding(2) var<storage, read> b: array<B_ELEMENT>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let local = vec2u(lane % LANES_X, lane / LANES_X);
  let tile = workgroup_index(group_id, group_count);
  let batch = tile / (sizes.tiles_m * sizes.tiles_n);
  if (batch >= sizes.batches) {
    return;
  }
  let row = ((tile / sizes.tiles_n) % sizes.tiles_m) * (LANES_Y * 8u) + local.y * 8u;
  let col0 = (tile % sizes.tiles_n) * (LANES_X * 8u) + local.x * 4u;
  if (row >= sizes.m || col0 >= sizes.n) {
    return;
  }
  let base_a = batch * sizes.batch_stride_a;
  let base_b = batch * sizes.batch_stride_b;
  let second = col0 + LANES_X * 4u;
  // A column group past the end loads the first one again.
  let col1 = select(col0, second, second < sizes.n);
  // Where the next four k begin: in each of the 8 rows of A; transposed, a0 .. a3 are four rows k .. k + 3 of A.
  var a0 = (base_a + select(min(row + 0u, sizes.m - 1u) * sizes.k, 0u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a1 = (base_a + select(min(row + 1u, sizes.m - 1u) * sizes.k, 1u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a2 = (base_a + select(min(row + 2u, sizes.m - 1u) * sizes.k, 2u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a3 = (base_a + select(min(row + 3u, sizes.m - 1u) * sizes.k, 3u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a4 = (base_a + min(row + 4u, sizes.m - 1u) * sizes.k) / A_UNIT;
  var a5 = (base_a + min(row + 5u, sizes.m - 1u) * sizes.k) / A_UNIT;
  var a6 = (base_a + min(row + 6u, sizes.m - 1u) * sizes.k) / A_UNIT;
  var a7 = (base_a + min(row + 7u, sizes.m - 1u) * sizes.k) / A_UNIT;
  // In rows k .. k + 3 of B for each column group; transposed, in its four columns.
  var b00 = (base_b + select(0u * sizes.n + col0, min(col0 + 0u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b01 = (base_b + select(1u * sizes.n + col0, min(col0 + 1u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b02 = (base_b + select(2u * sizes.n + col0, min(col0 + 2u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b03 = (base_b + select(3u * sizes.n + col0, min(col0 + 3u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b10 = (base_b + select(0u * sizes.n + col1, min(col1 + 0u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b11 = (base_b + select(1u * sizes.n + col1, min(col1 + 1u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b12 = (base_b + select(2u * sizes.n + col1, min(col1 + 2u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b13 = (base_b + select(3u * sizes.n + col1, min(col1 + 3u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  let step_a = select(4u, 4u * sizes.m, TRANSPOSE_A) / A_UNIT;
  let step_b = select(4u * sizes.n, 4u, TRANSPOSE_B) / B_UNIT;

  var c00 = vec4f(); var c01 = vec4f();
  var c10 = vec4f(); var c11 = vec4f();
  var c20 = vec4f(); var c21 = vec4f();
  var c30 = vec4f(); var c31 = vec4f();
  var c40 = vec4f(); var c41 = vec4f();
  var c50 = vec4f(); var c51 = vec4f();
  var c60 = vec4f(); var c61 = vec4f();
  var c70 = vec4f(); var c71 = vec4f();
  let whole = sizes.k & ~3u;
  for (var k = 0u; k < whole; k += 4u) {
    var w0 = mat4x4f(load_b(b00), load_b(b01), load_b(b02), load_b(b03)); // column p: op(B)[k + p, ..]
    if (TRANSPOSE_B) {
      w0 = transpose(w0);
    }
    var w1 = mat4x4f(load_b(b10), load_b(b11), load_b(b12), load_b(b13)); // column p: op(B)[k + p, ..]
    if (TRANSPOSE_B) {
      w1 = transpose(w1);
    }
    if (TRANSPOSE_A) {
      let t0 = transpose(mat4x4f(load_a(a0), load_a(a1), load_a(a2), load_a(a3)));
      let t1 = transpose(mat4x4f(load_a(a0 + 4u / A_UNIT), load_a(a1 + 4u / A_UNIT), load_a(a2 + 4u / A_UNIT), load_a(a3 + 4u / A_UNIT)));
      let x0 = t0[0]; c00 += w0 * x0; c01 += w1 * x0;
      let x1 = t0[1]; c10 += w0 * x1; c11 += w1 * x1;
      let x2 = t0[2]; c20 += w0 * x2; c21 += w1 * x2;
      let x3 = t0[3]; c30 += w0 * x3; c31 += w1 * x3;
      let x4 = t1[0]; c40 += w0 * x4; c41 += w1 * x4;
      let x5 = t1[1]; c50 += w0 * x5; c51 += w1 * x5;
      let x6 = t1[2]; c60 += w0 * x6; c61 += w1 * x6;
      let x7 = t1[3]; c70 += w0 * x7; c71 += w1 * x7;
    } else {
      let x0 = load_a(a0); c00 += w0 * x0; c01 += w1 * x0;
      let x1 = load_a(a1); c10 += w0 * x1; c11 += w1 * x1;
      let x2 = load_a(a2); c20 += w0 * x2; c21 += w1 * x2;
      let x3 = load_a(a3); c30 += w0 * x3; c31 += w1 * x3;
      let x4 = load_a(a4); c40 += w0 * x4; c41 += w1 * x4;
      let x5 = load_a(a5); c50 += w0 * x5; c51 += w1 * x5;
      let x6 = load_a(a6); c60 += w0 * x6; c61 += w1 * x6;
      let x7 = load_a(a7); c70 += w0 * x7; c71 += w1 * x7;
    }
    a0 += step_a; a1 += step_a; a2 += step_a; a3 += step_a; a4 += step_a; a5 += step_a; a6 += step_a; a7 += step_a;
    b00 += step_b; b01 += step_b; b02 += step_b; b03 += step_b;
    b10 += step_b; b11 += step_b; b12 += step_b; b13 += step_b;
  }
  if (K_REST) {
    for (var k = whole; k < sizes.k; k++) {
      let w0 = one_b(base_b, k, col0);
      let w1 = one_b(base_b, k, col1);
      let x0 = one_a(base_a, row + 0u, k); c00 += w0 * x0; c01 += w1 * x0;
      let x1 = one_a(base_a, row + 1u, k); c10 += w0 * x1; c11 += w1 * x1;
      let x2 = one_a(base_a, row + 2u, k); c20 += w0 * x2; c21 += w1 * x2;
      let x3 = one_a(base_a, row + 3u, k); c30 += w0 * x3; c31 += w1 * x3;
      let x4 = one_a(base_a, row + 4u, k); c40 += w0 * x4; c41 += w1 * x4;
      let x5 = one_a(base_a, row + 5u, k); c50 += w0 * x5; c51 += w1 * x5;
      let x6 = one_a(base_a, row + 6u, k); c60 += w0 * x6; c61 += w1 * x6;
      let x7 = one_a(base_a, row + 7u, k); c70 += w0 * x7; c71 += w1 * x7;
    }
  }

  var results = array<vec4f, 16>(c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51, c60, c61, c70, c71);
  for (var i = 0u; i < 16u; i++) {
    let r = row + i / 2u;
    let c = select(col0, second, i % 2u == 1u);
    if (r < sizes.m && c < sizes.n) {
      store4((batch * sizes.m + r) * sizes.n + c, sizes.n - c, results[i]);
    }
  }
}
