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

// -log(u) for multiples u of 2^-24 in (0, 1]. WGSL allows its log an absolute error of 2^-21 near 1, where the
// result is small: there log(u) = 2 atanh(s), s = (u - 1) / (u + 1), by its series (|s| < 1/3).
fn minus_log(u: vec2f) -> vec2f {
  let s = (u - 1.0) / (u + 1.0);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0))))));
  return select(-log(u), -2.0 * s * series, u > vec2f(0.5));
}

// (cos, sin) of `turns` full turns in [0, 1). WGSL allows cos and sin an absolute error of 2^-11; Taylor series on
// an eighth of a turn to either side of the nearest quarter have 3e-8.
fn cos_sin_turns(turns: f32) -> vec2f {
  let quarter = floor(4.0 * turns + 0.5);
  let x = 6.283185307179586 * (turns - 0.25 * quarter);
  let q = x * x;
  let c = 1.0 + q * (-1.0 / 2.0 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q * (1.0 / 40320.0))));
  let s = x * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * (1.0 / 362880.0)))));
  let turned = select(vec2f(c, s), vec2f(-s, c), (u32(quarter) & 1u) == 1u);
  return select(turned, -turned, (u32(quarter) & 2u) == 2u);
}

// Box and Muller (1958): words (0, 1) and (2, 3) make two normals each.
fn philox_normal(bits: vec4u) -> vec4f {
  let u = philox_uniform(bits);
  let radius = sqrt(2.0 * minus_log(u.xz + 1.0 / 16777216.0));
  return vec4f(radius.x * cos_sin_turns(u.y), radius.y * cos_sin_turns(u.w));
}
