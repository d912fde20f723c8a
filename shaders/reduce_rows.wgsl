// Reduction of each row of a [rows, columns] tensor: y[r] = combine over c of x[r, c].
//
// One subgroup per row, no barrier: its lanes run along the row in steps of WIDTH elements, then meet in
// one subgroup operation. 64 invocations hold 64 / subgroup_size rows.
//
// Injected: V, T (types), WIDTH (elements of V: 1 or 4, a divisor of columns).
// Generated: element(i), the input from flat index i; epilogue(i, value), which stores.
// Library: initial, combine, combine_one, across_lanes, across_subgroup.
struct Sizes {
  rows: u32,
  columns: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_size) subgroup: u32
) {
  let wanted = (workgroup_index(group_id, group_count) * 64u + local) / subgroup;
  // Subgroups past the last row read nothing, but every lane must reach the subgroup operation.
  let row = min(wanted, sizes.rows - 1u);
  let start = row * sizes.columns;
  let end = select(0u, sizes.columns, wanted < sizes.rows);
  var total = initial(start);
  for (var c = lane * WIDTH; c < end; c += subgroup * WIDTH) {
    total = combine(total, element(start + c));
  }
  let result = across_subgroup(across_lanes(total));
  if (lane == 0u && wanted < sizes.rows) {
    epilogue(row, result);
  }
}
