// C = op(A) op(B), a batch of products: op(A) [M, K], op(B) [K, N], C [M, N], all in C order as stored,
// that is A [K, M] with TRANSPOSE_A and B [N, K] with TRANSPOSE_B.
//
// Register tile, no workgroup memory: 8 × 8 quads own 64 × 64 results. The four lanes of a quad are a square: those side by
// side need the same 8 rows of A, those above each other the same 8 columns of B. So each lane loads one half of them and
// gets the other half from its neighbour, which is half the loads of a lane by itself. A lane's own four rows and columns
// come first in its sums: c_<rows>_<columns>.
// Each step over K takes 4 values. Rows and columns past the end load whatever is there and are not stored.
// With K_REST, what is left of K after the last whole step is added one k at a time.
//
// Needs subgroups of whole quads of neighbouring invocations. Offsets into a and b are in units of their element type.
//
// Injected: A_ELEMENT, B_ELEMENT (f32 or vec4f), A_UNIT, B_UNIT (floats in them: 1 or 4), TRANSPOSE_A, TRANSPOSE_B,
// K_REST (K is not a multiple of 4).
// Generated: epilogue(i, value). Library: load_a, load_b, one_a, one_b, store4, beside, across, workgroup_index.
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
  @builtin(local_invocation_index) local: u32
) {
  let tile = workgroup_index(group_id, group_count);
  let batch = tile / (sizes.tiles_m * sizes.tiles_n);
  // Four quads side by side, four above each other.
  let quad = local / 4u;
  let right = local % 2u;
  let below = local / 2u % 2u;
  let quad_row = ((tile / sizes.tiles_n) % sizes.tiles_m) * 64u + quad / 4u * 16u;
  let quad_col = (tile % sizes.tiles_n) * 64u + quad % 4u * 8u;
  if (batch >= sizes.batches || quad_row >= sizes.m || quad_col >= sizes.n) {
    return; // a whole quad
  }
  let base_a = batch * sizes.batch_stride_a;
  let base_b = batch * sizes.batch_stride_b;
  // Both lanes of a row of the quad own 8 rows, both of a column two groups of 4 columns, 32 apart.
  let row = quad_row + below * 8u + right * 4u;
  let other_row = quad_row + below * 8u + (1u - right) * 4u;
  let col = quad_col + right * 4u + below * 32u;
  let other_col = quad_col + right * 4u + (1u - below) * 32u;
  let last = sizes.m - 1u;
  // A column group past the end loads the last one.
  let load_col = min(col, (sizes.n - 1u) & ~3u);
  // Where the next four k begin: in each of four rows of A; transposed, a0 .. a3 are four rows k .. k + 3 of A.
  var a0 = (base_a + select(min(row + 0u, last) * sizes.k, 0u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a1 = (base_a + select(min(row + 1u, last) * sizes.k, 1u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a2 = (base_a + select(min(row + 2u, last) * sizes.k, 2u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  var a3 = (base_a + select(min(row + 3u, last) * sizes.k, 3u * sizes.m + row, TRANSPOSE_A)) / A_UNIT;
  // In rows k .. k + 3 of B; transposed, in four columns.
  var b0 = (base_b + select(0u * sizes.n + load_col, min(load_col + 0u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b1 = (base_b + select(1u * sizes.n + load_col, min(load_col + 1u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b2 = (base_b + select(2u * sizes.n + load_col, min(load_col + 2u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  var b3 = (base_b + select(3u * sizes.n + load_col, min(load_col + 3u, sizes.n - 1u) * sizes.k, TRANSPOSE_B)) / B_UNIT;
  let step_a = select(4u, 4u * sizes.m, TRANSPOSE_A) / A_UNIT;
  let step_b = select(4u * sizes.n, 4u, TRANSPOSE_B) / B_UNIT;

  var c0_0 = vec4f(); var c0_1 = vec4f();
  var c1_0 = vec4f(); var c1_1 = vec4f();
  var c2_0 = vec4f(); var c2_1 = vec4f();
  var c3_0 = vec4f(); var c3_1 = vec4f();
  var c4_0 = vec4f(); var c4_1 = vec4f();
  var c5_0 = vec4f(); var c5_1 = vec4f();
  var c6_0 = vec4f(); var c6_1 = vec4f();
  var c7_0 = vec4f(); var c7_1 = vec4f();
  let whole = sizes.k & ~3u;
  for (var k = 0u; k < whole; k += 4u) {
    var w0 = mat4x4f(load_b(b0), load_b(b1), load_b(b2), load_b(b3)); // column p: op(B)[k + p, ..]
    if (TRANSPOSE_B) {
      w0 = transpose(w0);
    }
    let w1 = across(w0);
    var x = mat4x4f(load_a(a0), load_a(a1), load_a(a2), load_a(a3)); // column r: op(A)[row + r, k ..]
    if (TRANSPOSE_A) {
      x = transpose(x);
    }
    let y = beside(x);
    c0_0 += w0 * x[0]; c0_1 += w1 * x[0];
    c1_0 += w0 * x[1]; c1_1 += w1 * x[1];
    c2_0 += w0 * x[2]; c2_1 += w1 * x[2];
    c3_0 += w0 * x[3]; c3_1 += w1 * x[3];
    c4_0 += w0 * y[0]; c4_1 += w1 * y[0];
    c5_0 += w0 * y[1]; c5_1 += w1 * y[1];
    c6_0 += w0 * y[2]; c6_1 += w1 * y[2];
    c7_0 += w0 * y[3]; c7_1 += w1 * y[3];
    a0 += step_a; a1 += step_a; a2 += step_a; a3 += step_a;
    b0 += step_b; b1 += step_b; b2 += step_b; b3 += step_b;
  }
  if (K_REST) {
    for (var k = whole; k < sizes.k; k++) {
      let w0 = one_b(base_b, k, load_col);
      let w1 = quadSwapY(w0);
      let x = vec4f(one_a(base_a, row, k), one_a(base_a, row + 1u, k), one_a(base_a, row + 2u, k), one_a(base_a, row + 3u, k));
      let y = quadSwapX(x);
      c0_0 += w0 * x[0]; c0_1 += w1 * x[0];
      c1_0 += w0 * x[1]; c1_1 += w1 * x[1];
      c2_0 += w0 * x[2]; c2_1 += w1 * x[2];
      c3_0 += w0 * x[3]; c3_1 += w1 * x[3];
      c4_0 += w0 * y[0]; c4_1 += w1 * y[0];
      c5_0 += w0 * y[1]; c5_1 += w1 * y[1];
      c6_0 += w0 * y[2]; c6_1 += w1 * y[2];
      c7_0 += w0 * y[3]; c7_1 += w1 * y[3];
    }
  }

  var results = array<vec4f, 16>(c0_0, c0_1, c1_0, c1_1, c2_0, c2_1, c3_0, c3_1, c4_0, c4_1, c5_0, c5_1, c6_0, c6_1, c7_0, c7_1);
  for (var i = 0u; i < 16u; i++) {
    let r = select(other_row - 4u, row, i < 8u) + i / 2u;
    let c = select(col, other_col, i % 2u == 1u);
    if (r < sizes.m && c < sizes.n) {
      store4((batch * sizes.m + r) * sizes.n + c, sizes.n - c, results[i]);
    }
  }
}
