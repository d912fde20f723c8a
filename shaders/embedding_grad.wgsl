// Gradient of a row lookup: dw[r, c] = sum over t with index[t] = r of dy[t, c], in order of t.
// WIDTH neighbouring columns of one row of the table per invocation, which reads all indices, four at a time; lanes run along
// a row.
//
// Injected: V (one or four elements), WIDTH. Generated: epilogue(i, value).
struct Sizes {
  count: u32, // elements of the table, in V
  columns: u32, // of a row, in V
  tokens: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> index: array<vec4i>;
@group(0) @binding(2) var<storage, read> dy: array<V>;

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
  let row = i32(e / sizes.columns);
  let column = e % sizes.columns;
  var sum = V();
  for (var t = 0u; t < sizes.tokens; t += 4u) {
    let is_row = index[t / 4u] == vec4i(row);
    if (!any(is_row)) {
      continue;
    }
    for (var j = 0u; j < min(4u, sizes.tokens - t); j++) { // behind the last index there may be anything
      if (is_row[j]) {
        sum += dy[(t + j) * sizes.columns + column];
      }
    }
  }
  epilogue(e * WIDTH, sum);
}
