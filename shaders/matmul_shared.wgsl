// C = op(A) op(B), a batch of products: op(A) [M, K], op(B) [K, N], C [M, N], all in C order as stored,
// that is A [K, M] with TRANSPOSE_A and B [N, K] with TRANSPOSE_B.
//
// Tiles in workgroup memory, for GPUs whose barriers are cheap: 16 × 16 invocations own 64 × 64 results, 4 × 4 each, and
// take 16 values of K at a time. Each loads four neighbours of A and of B per step; what lies outside counts as zero.
//
// Injected: A_ELEMENT, B_ELEMENT (f32 or vec4f), A_UNIT, B_UNIT (floats in them: 1 or 4), TRANSPOSE_A, TRANSPOSE_B.
// Generated: epilogue(i, value). Library: store4, workgroup_index.
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

const TILE = 64u;
const DEPTH = 16u;
// [k][row] of op(A) and [k][column] of op(B).
var<workgroup> tile_a: array<f32, TILE * DEPTH>;
var<workgroup> tile_b: array<f32, TILE * DEPTH>;

// Elements at .. at + 3 of a line of a, or of b, where it has them; lines past the end have none.
fn four_of_a(base: u32, line: u32, lines: u32, at: u32, length: u32) -> vec4f {
  let i = base + line * length + at;
  if (line >= lines || at >= length) {
    return vec4f();
  }
  if (A_UNIT == 4u) {
    return vec4f(a[i / A_UNIT]); // lines are whole vec4s
  }
  var four = vec4f();
  for (var j = 0u; j < min(length - at, 4u); j++) {
    four[j] = vec4f(a[i + j]).x;
  }
  return four;
}

fn four_of_b(base: u32, line: u32, lines: u32, at: u32, length: u32) -> vec4f {
  let i = base + line * length + at;
  if (line >= lines || at >= length) {
    return vec4f();
  }
  if (B_UNIT == 4u) {
    return vec4f(b[i / B_UNIT]);
  }
  var four = vec4f();
  for (var j = 0u; j < min(length - at, 4u); j++) {
    four[j] = vec4f(b[i + j]).x;
  }
  return four;
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let tile = workgroup_index(group_id, group_count);
  let batch = tile / (sizes.tiles_m * sizes.tiles_n);
  if (batch >= sizes.batches) {
    return;
  }
  let row0 = tile / sizes.tiles_n % sizes.tiles_m * TILE;
  let col0 = tile % sizes.tiles_n * TILE;
  let base_a = batch * sizes.batch_stride_a;
  let base_b = batch * sizes.batch_stride_b;
  // What an invocation loads, where k is the contiguous axis: four k of one line. Elsewhere: four neighbours of one k.
  let line = lane / 4u;
  let k_of_line = lane % 4u * 4u;
  let k_of_four = lane / 16u;
  let four = lane % 16u * 4u;
  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  for (var k0 = 0u; k0 < sizes.k; k0 += DEPTH) {
    if (TRANSPOSE_A) {
      let x = four_of_a(base_a, k0 + k_of_four, sizes.k, row0 + four, sizes.m);
      for (var j = 0u; j < 4u; j++) {
        tile_a[k_of_four * TILE + four + j] = x[j];
      }
    } else {
      let x = four_of_a(base_a, row0 + line, sizes.m, k0 + k_of_line, sizes.k);
      for (var j = 0u; j < 4u; j++) {
        tile_a[(k_of_line + j) * TILE + line] = x[j];
      }
    }
    if (TRANSPOSE_B) {
      let x = four_of_b(base_b, col0 + line, sizes.n, k0 + k_of_line, sizes.k);
      for (var j = 0u; j < 4u; j++) {
        tile_b[(k_of_line + j) * TILE + line] = x[j];
      }
    } else {
      let x = four_of_b(base_b, k0 + k_of_four, sizes.k, col0 + four, sizes.n);
      for (var j = 0u; j < 4u; j++) {
        tile_b[k_of_four * TILE + four + j] = x[j];
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let r = k * TILE + local.y * 4u;
      let c = k * TILE + local.x * 4u;
      let y = vec4f(tile_b[c], tile_b[c + 1u], tile_b[c + 2u], tile_b[c + 3u]);
      c0 += tile_a[r] * y;
      c1 += tile_a[r + 1u] * y;
      c2 += tile_a[r + 2u] * y;
      c3 += tile_a[r + 3u] * y;
    }
    workgroupBarrier();
  }

  let row = row0 + local.y * 4u;
  let col = col0 + local.x * 4u;
  var results = array<vec4f, 4>(c0, c1, c2, c3);
  for (var r = 0u; r < 4u; r++) {
    if (row + r < sizes.m && col < sizes.n) {
      store4((batch * sizes.m + row + r) * sizes.n + col, sizes.n - col, results[r]);
    }
  }
}
