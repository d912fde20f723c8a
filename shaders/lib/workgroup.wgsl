// Workgroups are counted over x and y, since each axis holds at most 65,535 of them.
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return id.y * count.x + id.x;
}
