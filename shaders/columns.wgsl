// Work on the columns of [outer, length, inner]: reductions over the middle axis, and elementwise work before, between and
// after. One invocation per WIDTH neighbouring columns, which it walks down; lanes run along the columns.
//
// Injected: WIDTH (1 or 4, a divisor of inner). Generated: work_on_columns(i).
struct Sizes {
  count: u32, // outer · inner
}
@group(0) @binding(0) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) local: u32
) {
  let i = (workgroup_index(group_id, group_count) * 64u + local) * WIDTH;
  if (i < sizes.count) {
    work_on_columns(i);
  }
}
