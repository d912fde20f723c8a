// Attention, for invocations that own one row: a Quad holds four numbers of it, a Single one.
// From the kernel: load(buffer, i), admissible(own, streamed, mask_base).
const ROWS = 1u;
alias Quad = vec4f;
alias Single = f32;

// Elements 4n .. 4n + 3 of the row that begins at `at`.
fn own(buffer: u32, at: vec4u, n: u32) -> Quad {
  return load(buffer, at.x + n);
}

// One number for each own row, from those of it and its neighbours.
fn single(values: vec4f) -> Single {
  return values.x;
}

fn scaled(a: Quad, by: Single) -> Quad {
  return a * by;
}

fn product(a: Quad, b: Quad) -> Quad {
  return a * b;
}

fn largest(a: Quad) -> Single {
  return max(max(a.x, a.y), max(a.z, a.w));
}

fn total(a: Quad) -> Single {
  return dot(a, vec4f(1.0));
}

// a and one number for each own row, or one for each streamed row.
fn minus_own(a: Quad, b: Single) -> Quad {
  return a - b;
}

fn minus_streamed(a: Quad, b: vec4f) -> Quad {
  return a - b;
}

fn times_streamed(a: Quad, b: vec4f) -> Quad {
  return a * b;
}

fn exponential(a: Quad) -> Quad {
  return exp(a);
}

// Scores of the own row with four streamed ones, HIDDEN where the two may not meet.
fn hidden(scores: Quad, row: u32, streamed: vec4u, mask_base: u32) -> Quad {
  return select(vec4f(HIDDEN), scores, admissible(vec4u(row), streamed, mask_base));
}

fn store_singles(at: u32, stored: u32, value: Single) {
  if (stored > 0u) { epilogue(at, value); }
}

fn store_quad(at: u32, row_step: u32, stored: u32, value: Quad) {
  if (stored > 0u) { store_four(at, value); }
}
