// Hand the first `count` of four neighbouring results to the epilogue; rows are whole vec4s here.
fn store4(i: u32, count: u32, value: vec4f) {
  if (count > 0u) {
    epilogue(i, value);
  }
}
