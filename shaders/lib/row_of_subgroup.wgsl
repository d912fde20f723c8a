// The lanes of a subgroup hold parts of a row: each gets the whole row's result.
fn sum_of_lanes_f32(value: f32) -> f32 {
  return subgroupAdd(value);
}

fn max_of_lanes_f32(value: f32) -> f32 {
  return subgroupMax(value);
}

fn sum_of_lanes_i32(value: i32) -> i32 {
  return subgroupAdd(value);
}

fn max_of_lanes_i32(value: i32) -> i32 {
  return subgroupMax(value);
}

fn sum_of_lanes_u32(value: u32) -> u32 {
  return subgroupAdd(value);
}

fn max_of_lanes_u32(value: u32) -> u32 {
  return subgroupMax(value);
}
