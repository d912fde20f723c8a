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

// For |x| < 0.5 the Maclaurin series (Abramowitz and Stegun 7.1.5), whose relative error is below 1e-7; beyond,
// 7.1.26 with an absolute error below 1.5e-7.
fn erf(x: vec4f) -> vec4f {
  let q = x * x;
  let series = 1.0 - q * (1.0 / 3.0 - q * (1.0 / 10.0 - q * (1.0 / 42.0 - q * (1.0 / 216.0 - q * (1.0 / 1320.0)))));
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return select(sign(x) * (1.0 - tail * exp(-q)), 1.1283791671 * x * series, abs(x) < vec4f(0.5)); // 2 / sqrt(pi)
}

// The builtin loses its relative accuracy near 0 on some adapters: there x - x^3/3 + 2 x^5/15 - 17 x^7/315.
// Some compute e^x / e^x, so x is clamped: beyond 10 the result is 1 to the last bit.
fn tanh_accurate(x: vec4f) -> vec4f {
  let q = x * x;
  let series = x * (1.0 - q * (1.0 / 3.0 - q * (2.0 / 15.0 - q * (17.0 / 315.0))));
  return select(tanh(clamp(x, vec4f(-10.0), vec4f(10.0))), series, abs(x) < vec4f(0.2));
}

// a^b; WGSL's pow knows only a > 0. A negative base keeps its sign under an odd whole exponent.
fn power(a: vec4f, b: vec4f) -> vec4f {
  let magnitude = pow(abs(a), b);
  let odd = abs(b - 2.0 * floor(b * 0.5)) == vec4f(1.0);
  let signed = select(magnitude, -magnitude, (a < vec4f(0.0)) & odd);
  return select(signed, vec4f(1.0), b == vec4f(0.0));
}
