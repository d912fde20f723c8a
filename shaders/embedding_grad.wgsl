// Gradient of a row lookup: dw[r, c] = sum over t with index[t] = r of dy[t, c], in order of t.
// One element of the table per invocation; lanes run along a row.
//
// Injected: T (the type of an element). Generated: epilogue(i, value).
struct Sizes {
  count: u32, // table elements, rows * width
  width: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read> dy: array<T>;

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
  let row = i32(e / sizes.width);
  let column = e % sizes.width;
  var sum = T();
  for (var t = 0u; t < sizes.tokens; t++) {
    if (index[t] == row) {
      sum += dy[t * sizes.width + column];
    }
  }
  epilogue(e, sum);
}
