// Work on the rows of [rows, columns]: reductions of each row, and elementwise work before, between and after.
//
// One subgroup per row, no barrier: its lanes run along the row, then meet in a subgroup operation.
// 64 invocations hold 64 / subgroup_size rows.
//
// Generated: work_on_row(row, lane, lanes, wanted).
struct Sizes {
  rows: u32,
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
  // Subgroups past the last row store nothing, but every lane must reach the subgroup operations.
  work_on_row(min(wanted, sizes.rows - 1u), lane, subgroup, wanted < sizes.rows);
}
