// Each invocation of an attention kernel loads streamed rows for itself.
const TOGETHER = ROWS; // own rows whose loops run in step

fn streamed(buffer: u32, at: vec4u, n: u32) -> mat4x4f {
  return tile(buffer, at, n);
}
