// One invocation has read the whole row.
fn sum_of_lanes_f32(value: f32) -> f32 {
  return value;
}

fn max_of_lanes_f32(value: f32) -> f32 {
  return value;
}

fn sum_of_lanes_i32(value: i32) -> i32 {
  return value;
}

fn max_of_lanes_i32(value: i32) -> i32 {
  return value;
}

fn sum_of_lanes_u32(value: u32) -> u32 {
  return value;
}

fn max_of_lanes_u32(value: u32) -> u32 {
  return value;
}
