// Reduction of each row of a [rows, columns] tensor: y[r] = combine over c of x[r, c].
// One invocation per row: for short rows, and for adapters without subgroups.
//
// Injected: V, T (types), WIDTH (elements of V: 1 or 4, a divisor of columns).
// Generated: element(i), the input from flat index i; epilogue(i, value), which stores.
// Library: initial, combine, combine_one, across_lanes.
struct Sizes {
  rows: u32,
  columns: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) local: u32
) {
  let row = workgroup_index(group_id, group_count) * 64u + local;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.columns;
  var total = initial(start);
  for (var c = 0u; c < sizes.columns; c += WIDTH) {
    total = combine(total, element(start + c));
  }
  epilogue(row, across_lanes(total));
}
