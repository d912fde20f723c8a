// Work on the rows of [rows, columns]: reductions of each row, and elementwise work before, between and after.
// One invocation per row: for short rows, and for adapters without subgroups.
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
  @builtin(local_invocation_index) local: u32
) {
  let row = workgroup_index(group_id, group_count) * 64u + local;
  if (row < sizes.rows) {
    work_on_row(row, 0u, 1u, true);
  }
}
