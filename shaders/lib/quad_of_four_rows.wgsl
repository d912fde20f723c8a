// Attention, for invocations that own four neighbouring rows: a Quad holds four numbers of each, one row to a column,
// and a Single one of each. Four rows share what is loaded of the streamed ones.
// From the kernel: load(buffer, i), admissible(own, streamed, mask_base).
const ROWS = 4u;
alias Quad = mat4x4f;
alias Single = vec4f;

// Elements 4n .. 4n + 3 of the rows that begin at `at`.
fn own(buffer: u32, at: vec4u, n: u32) -> Quad {
  return tile(buffer, at, n);
}

// One number for each own row, from those of it and its neighbours.
fn single(values: vec4f) -> Single {
  return values;
}

fn scaled(a: Quad, by: Single) -> Quad {
  return Quad(a[0] * by.x, a[1] * by.y, a[2] * by.z, a[3] * by.w);
}

fn product(a: Quad, b: Quad) -> Quad {
  return Quad(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]);
}

fn largest(a: Quad) -> Single {
  let t = transpose(a);
  return max(max(t[0], t[1]), max(t[2], t[3]));
}

fn total(a: Quad) -> Single {
  return vec4f(1.0) * a;
}

// a and one number for each own row, or one for each streamed row.
fn minus_own(a: Quad, b: Single) -> Quad {
  return Quad(a[0] - b.x, a[1] - b.y, a[2] - b.z, a[3] - b.w);
}

fn minus_streamed(a: Quad, b: vec4f) -> Quad {
  return Quad(a[0] - b, a[1] - b, a[2] - b, a[3] - b);
}

fn times_streamed(a: Quad, b: vec4f) -> Quad {
  return Quad(a[0] * b, a[1] * b, a[2] * b, a[3] * b);
}

fn exponential(a: Quad) -> Quad {
  return Quad(exp(a[0]), exp(a[1]), exp(a[2]), exp(a[3]));
}

// Scores of the own rows with four streamed ones, HIDDEN where the two may not meet.
fn hidden(scores: Quad, row: u32, streamed: vec4u, mask_base: u32) -> Quad {
  let none = vec4f(HIDDEN);
  return Quad(
    select(none, scores[0], admissible(vec4u(row), streamed, mask_base)),
    select(none, scores[1], admissible(vec4u(row + 1u), streamed, mask_base)),
    select(none, scores[2], admissible(vec4u(row + 2u), streamed, mask_base)),
    select(none, scores[3], admissible(vec4u(row + 3u), streamed, mask_base)));
}

fn store_singles(at: u32, stored: u32, value: Single) {
  for (var r = 0u; r < stored; r++) {
    epilogue(at + r, value[r]);
  }
}

fn store_quad(at: u32, row_step: u32, stored: u32, value: Quad) {
  if (stored > 0u) { store_four(at, value[0]); }
  if (stored > 1u) { store_four(at + row_step, value[1]); }
  if (stored > 2u) { store_four(at + 2u * row_step, value[2]); }
  if (stored > 3u) { store_four(at + 3u * row_step, value[3]); }
}
