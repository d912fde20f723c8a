// How fast this adapter computes at best: independent chains of multiply-adds in registers, without memory in the loop.
// x[i] becomes the sum of 8 · 4 chains a = a · factor + term; its value means nothing. Written out, since compilers do not
// unroll.
//
// Injected: ITERATIONS (steps of each chain).
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let seed = x[id.x];
  let factor = vec4f(seed * 0.5 + 0.25);
  let term = vec4f(seed * 0.1 + 0.01);
  var a = vec4f(seed);
  var b = vec4f(seed + 1.0);
  var c = vec4f(seed + 2.0);
  var d = vec4f(seed + 3.0);
  var e = vec4f(seed + 4.0);
  var f = vec4f(seed + 5.0);
  var g = vec4f(seed + 6.0);
  var h = vec4f(seed + 7.0);
  for (var i = 0u; i < ITERATIONS; i++) {
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    c = fma(c, factor, term);
    d = fma(d, factor, term);
    e = fma(e, factor, term);
    f = fma(f, factor, term);
    g = fma(g, factor, term);
    h = fma(h, factor, term);
  }
  x[id.x] = dot(a + b + c + d + e + f + g + h, vec4f(1.0));
}
