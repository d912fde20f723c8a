// Elementwise work: invocation g computes elements 4 g .. 4 g + 3 of the flat result.
//
// Generated: map(i), which computes and stores the four elements from i. Buffers are padded to whole
// vec4s, so the last group may run over the end.
struct Sizes {
  groups: u32, // of four elements
}
@group(0) @binding(0) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let group = workgroup_index(group_id, group_count) * 64u + lane;
  if (group < sizes.groups) {
    map(group * 4u);
  }
}
