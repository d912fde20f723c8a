// Scatter-add along the middle axis: y[o, s, c] = sum over j with index[o, j, c] = s of source[o, j, c].
// One result per invocation, which reads all indices of its line in order: no atomics, so sums never depend on timing.
//
// Injected: T (the type of an element). Generated: epilogue(i, value).
struct Sizes {
  count: u32, // result elements, outer * size * inner
  size: u32,
  length: u32, // of the line of indices
  inner: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read> source: array<T>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let e = workgroup_index(group_id, group_count) * 64u + lane;
  if (e >= sizes.count) {
    return;
  }
  let slot = i32(e / sizes.inner % sizes.size);
  let line = e / (sizes.inner * sizes.size) * sizes.length * sizes.inner + e % sizes.inner;
  var sum = T();
  for (var j = 0u; j < sizes.length; j++) {
    let i = line + j * sizes.inner;
    if (index[i] == slot) {
      sum += source[i];
    }
  }
  epilogue(e, sum);
}
