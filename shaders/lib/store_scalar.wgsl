// Hand the first `count` of four neighbouring results to the epilogue, one by one.
fn store4(i: u32, count: u32, value: vec4f) {
  for (var lane = 0u; lane < min(count, 4u); lane++) {
    epilogue(i + lane, value[lane]);
  }
}
