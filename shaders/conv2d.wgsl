// Implicit GEMM convolution over NHWC images: for each output pixel and output channel the sum over taps and
// input channels, without building the im2col matrix.
//
//   forward    (TRANSPOSED false): y[n, oy, ox, o] = sum x[n, oy s + ky d - p, ox s + kx d - p, i] w[ky, kx, i, o]
//   transposed (TRANSPOSED true):  x[n, iy, ix, i] = sum y[n, oy, ox, o] w[ky, kx, i, o] where iy = oy s + ky d - p
//
// `source` is the image that is read, `K` its channels, `N` the channels of the result.
// Register tile: an invocation owns 8 neighbouring pixels by 8 channels (two vec4, LANES_X apart); lanes run along
// the channels. Taps are the outer loop, channels the inner one, so each pixel's bounds test is made once per tap.
//
// Injected: SOURCE_ELEMENT (vec4f, or f32 when K is not a multiple of 4), K_VECTOR, TRANSPOSED,
// STRIDED (some stride > 1), LANES_X, LANES_Y.
// N is a multiple of 4; transposed, K is too. Generated: epilogue(i, value).
// Library: pixel_at, tap_offset, load_four, load_one, weights, workgroup_index.
struct Sizes {
  pixels: u32, // batch * out_h * out_w
  out_h: u32,
  out_w: u32,
  n: u32,
  in_h: u32,
  in_w: u32,
  k: u32,
  tiles_n: u32,
  kernel_h: u32,
  kernel_w: u32,
  stride_y: i32,
  stride_x: i32,
  pad_y: i32,
  pad_x: i32,
  dilation_y: i32,
  dilation_x: i32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> source: array<SOURCE_ELEMENT>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let local = vec2u(lane % LANES_X, lane / LANES_X);
  let tile = workgroup_index(group_id, group_count);
  let pixel = (tile / sizes.tiles_n * LANES_Y + local.y) * 8u;
  let col0 = tile % sizes.tiles_n * (LANES_X * 8u) + local.x * 4u;
  // Rows of LANES_X lanes need not fill the workgroup.
  if (local.y >= LANES_Y || pixel >= sizes.pixels || col0 >= sizes.n) {
    return;
  }
  let second = col0 + LANES_X * 4u;
  // A channel group past the end loads the first one again.
  let col1 = select(col0, second, second < sizes.n);

  let p0 = pixel_at(min(pixel, sizes.pixels - 1u));
  let p1 = pixel_at(min(pixel + 1u, sizes.pixels - 1u));
  let p2 = pixel_at(min(pixel + 2u, sizes.pixels - 1u));
  let p3 = pixel_at(min(pixel + 3u, sizes.pixels - 1u));
  let p4 = pixel_at(min(pixel + 4u, sizes.pixels - 1u));
  let p5 = pixel_at(min(pixel + 5u, sizes.pixels - 1u));
  let p6 = pixel_at(min(pixel + 6u, sizes.pixels - 1u));
  let p7 = pixel_at(min(pixel + 7u, sizes.pixels - 1u));
  var c00 = vec4f(); var c01 = vec4f();
  var c10 = vec4f(); var c11 = vec4f();
  var c20 = vec4f(); var c21 = vec4f();
  var c30 = vec4f(); var c31 = vec4f();
  var c40 = vec4f(); var c41 = vec4f();
  var c50 = vec4f(); var c51 = vec4f();
  var c60 = vec4f(); var c61 = vec4f();
  var c70 = vec4f(); var c71 = vec4f();
  for (var ky = 0u; ky < sizes.kernel_h; ky++) {
    for (var kx = 0u; kx < sizes.kernel_w; kx++) {
      let tap = ky * sizes.kernel_w + kx;
      let o0 = tap_offset(p0, i32(ky), i32(kx));
      let o1 = tap_offset(p1, i32(ky), i32(kx));
      let o2 = tap_offset(p2, i32(ky), i32(kx));
      let o3 = tap_offset(p3, i32(ky), i32(kx));
      let o4 = tap_offset(p4, i32(ky), i32(kx));
      let o5 = tap_offset(p5, i32(ky), i32(kx));
      let o6 = tap_offset(p6, i32(ky), i32(kx));
      let o7 = tap_offset(p7, i32(ky), i32(kx));
      if (K_VECTOR) {
        for (var k = 0u; k < sizes.k; k += 4u) {
          let w0 = weights(tap, k, col0);
          let w1 = weights(tap, k, col1);
          let x0 = load_four(o0, k); c00 += w0 * x0; c01 += w1 * x0;
          let x1 = load_four(o1, k); c10 += w0 * x1; c11 += w1 * x1;
          let x2 = load_four(o2, k); c20 += w0 * x2; c21 += w1 * x2;
          let x3 = load_four(o3, k); c30 += w0 * x3; c31 += w1 * x3;
          let x4 = load_four(o4, k); c40 += w0 * x4; c41 += w1 * x4;
          let x5 = load_four(o5, k); c50 += w0 * x5; c51 += w1 * x5;
          let x6 = load_four(o6, k); c60 += w0 * x6; c61 += w1 * x6;
          let x7 = load_four(o7, k); c70 += w0 * x7; c71 += w1 * x7;
        }
      } else {
        for (var k = 0u; k < sizes.k; k++) {
          let w0 = weight[((tap * sizes.k + k) * sizes.n + col0) / 4u];
          let w1 = weight[((tap * sizes.k + k) * sizes.n + col1) / 4u];
          let x0 = load_one(o0, k); c00 += w0 * x0; c01 += w1 * x0;
          let x1 = load_one(o1, k); c10 += w0 * x1; c11 += w1 * x1;
          let x2 = load_one(o2, k); c20 += w0 * x2; c21 += w1 * x2;
          let x3 = load_one(o3, k); c30 += w0 * x3; c31 += w1 * x3;
          let x4 = load_one(o4, k); c40 += w0 * x4; c41 += w1 * x4;
          let x5 = load_one(o5, k); c50 += w0 * x5; c51 += w1 * x5;
          let x6 = load_one(o6, k); c60 += w0 * x6; c61 += w1 * x6;
          let x7 = load_one(o7, k); c70 += w0 * x7; c71 += w1 * x7;
        }
      }
    }
  }

  var results = array<vec4f, 16>(c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51, c60, c61, c70, c71);
  for (var i = 0u; i < 16u; i++) {
    let p = pixel + i / 2u;
    let c = select(col0, second, i % 2u == 1u);
    if (p < sizes.pixels && c < sizes.n) {
      epilogue(p * sizes.n + c, results[i]);
    }
  }
}
