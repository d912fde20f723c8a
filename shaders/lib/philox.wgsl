// Philox4x32-10 (Salmon et al., SC 2011). The same words as src/graph/philox.ts.

// The 64-bit product of two words as (high, low).
fn multiply_wide(a: u32, b: u32) -> vec2u {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let low = a_low * b_low;
  let middle = a_high * b_low + (low >> 16u);
  let middle2 = a_low * b_high + (middle & 0xffffu);
  return vec2u(a_high * b_high + (middle >> 16u) + (middle2 >> 16u), a * b);
}

fn philox(key_in: vec2u, counter_in: vec4u) -> vec4u {
  var key = key_in;
  var c = counter_in;
  for (var round = 0u; round < 10u; round++) {
    let p0 = multiply_wide(0xd2511f53u, c.x);
    let p1 = multiply_wide(0xcd9e8d57u, c.z);
    c = vec4u(p1.x ^ c.y ^ key.x, p1.y, p0.x ^ c.w ^ key.y, p0.y);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// The top 24 bits as a multiple of 2^-24 in [0, 1).
fn philox_uniform(bits: vec4u) -> vec4f {
  return vec4f(bits >> vec4u(8u)) * (1.0 / 16777216.0);
}

// Box and Muller (1958): words (0, 1) and (2, 3) make two normals each.
fn philox_normal(bits: vec4u) -> vec4f {
  let u = philox_uniform(bits);
  let radius = sqrt(-2.0 * log(u.xz + 1.0 / 16777216.0));
  let angle = 6.283185307179586 * u.yw;
  return vec4f(radius.x * cos(angle.x), radius.x * sin(angle.x), radius.y * cos(angle.y), radius.y * sin(angle.y));
}
