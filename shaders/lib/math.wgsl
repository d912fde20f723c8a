// log(1 + e) for small e keeps its relative accuracy through log(u) e / (u - 1), u = 1 + e
// (Higham, "Accuracy and stability of numerical algorithms", section 1.14.1).
fn log1p(e: vec4f) -> vec4f {
  let u = 1.0 + e;
  let d = u - 1.0;
  return select(log(u) * (e / select(vec4f(1.0), d, d != vec4f(0.0))), e, d == vec4f(0.0));
}

// log(1 + exp(x)) without overflow.
fn softplus(x: vec4f) -> vec4f {
  return max(x, vec4f(0.0)) + log1p(exp(-abs(x)));
}

// Abramowitz and Stegun 7.1.26; absolute error below 1.5e-7.
fn erf(x: vec4f) -> vec4f {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - series * exp(-x * x));
}

// a^b; WGSL's pow knows only a > 0. A negative base keeps its sign under an odd whole exponent.
fn power(a: vec4f, b: vec4f) -> vec4f {
  let magnitude = pow(abs(a), b);
  let odd = abs(b - 2.0 * floor(b * 0.5)) == vec4f(1.0);
  let signed = select(magnitude, -magnitude, (a < vec4f(0.0)) & odd);
  return select(signed, vec4f(1.0), b == vec4f(0.0));
}
