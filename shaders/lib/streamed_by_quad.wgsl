// The lanes of a quad own neighbouring rows of one head, and stream the same rows past them: each lane loads one of four, and
// gets the others from its neighbours. Needs subgroups of whole quads of neighbouring invocations.
const TOGETHER = 4u * ROWS; // own rows whose loops run in step

fn streamed(buffer: u32, at: vec4u, n: u32) -> mat4x4f {
  let row = load(buffer, at[lane_of_quad] + n);
  return mat4x4f(quadBroadcast(row, 0u), quadBroadcast(row, 1u), quadBroadcast(row, 2u), quadBroadcast(row, 3u));
}
