// Hand four neighbouring results to the epilogue, of which there are `count`: all four, as rows are whole vec4s here.
fn store4(i: u32, count: u32, value: vec4f) {
  epilogue(i, value);
}
