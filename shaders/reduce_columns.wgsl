// Reduction over the middle axis of an [outer, length, inner] tensor: y[o, c] = combine over r of x[o, r, c].
// One invocation per outer index and WIDTH neighbouring columns, which it walks down; lanes run along columns.
//
// Injected: V (type), T (its element), WIDTH (elements of V: 1 or 4, a divisor of inner).
// Generated: element(i), the input from flat index i; epilogue(i, value), which stores.
// Library: initial, combine.
struct Sizes {
  outer: u32,
  length: u32,
  inner: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) local: u32
) {
  let i = (workgroup_index(group_id, group_count) * 64u + local) * WIDTH;
  if (i >= sizes.outer * sizes.inner) {
    return;
  }
  let start = (i / sizes.inner) * sizes.length * sizes.inner + i % sizes.inner;
  var total = initial(start);
  for (var r = 0u; r < sizes.length; r++) {
    total = combine(total, element(start + r * sizes.inner));
  }
  epilogue(i, total);
}
