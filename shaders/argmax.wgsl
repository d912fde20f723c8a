// Index of the first largest element over the middle axis of an [outer, length, inner] tensor.
// One invocation per result.
//
// Generated: element(i), the input at flat index i; epilogue(i, value), which stores.
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
  let i = workgroup_index(group_id, group_count) * 64u + local;
  if (i >= sizes.outer * sizes.inner) {
    return;
  }
  let start = (i / sizes.inner) * sizes.length * sizes.inner + i % sizes.inner;
  var best = element(start);
  var index = 0i;
  for (var r = 1u; r < sizes.length; r++) {
    let candidate = element(start + r * sizes.inner);
    if (candidate > best) {
      best = candidate;
      index = i32(r);
    }
  }
  epilogue(i, index);
}
