// Implicit GEMM convolution over NHWC images, and its adjoint: the same as conv2d.wgsl, where the lanes of a quad share what
// they load. The four lanes are a square: those side by side need the same 8 pixels, those above each other the same 8
// channels of the result. So each lane loads one half of them and gets the other half from its neighbour. A lane's own four
// pixels and channels come first in its sums: c<pixel>_<channels>.
//
// Needs subgroups of whole quads of neighbouring invocations; LANES_X is even.
//
// Injected: SOURCE_ELEMENT (vec4f, or f32 when K is not a multiple of 4), K_VECTOR, TRANSPOSED,
// STRIDED (some stride > 1), LANES_X, LANES_Y.
// N is a multiple of 4; transposed, K is too. Generated: epilogue(i, value).
// Library: pixel_at, tap_offset, load_four, load_one, weights, beside, across, workgroup_index.
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
  @builtin(local_invocation_index) local: u32
) {
  let tile = workgroup_index(group_id, group_count);
  let quad = local / 4u;
  let row_of_quads = quad / (LANES_X / 2u) * 2u;
  let right = local % 2u;
  let below = local / 2u % 2u;
  let quad_pixel = (tile / sizes.tiles_n * LANES_Y + row_of_quads) * 8u;
  let quad_col = tile % sizes.tiles_n * (LANES_X * 8u) + quad % (LANES_X / 2u) * 8u;
  // Rows of LANES_X lanes need not fill the workgroup.
  if (row_of_quads >= LANES_Y || quad_pixel >= sizes.pixels || quad_col >= sizes.n) {
    return; // a whole quad
  }
  let pixel = quad_pixel + below * 8u + right * 4u;
  let other_pixel = quad_pixel + below * 8u + (1u - right) * 4u;
  let col = quad_col + right * 4u + below * (LANES_X * 4u);
  let other_col = quad_col + right * 4u + (1u - below) * (LANES_X * 4u);
  // A channel group past the end loads the last one.
  let load_col = min(col, sizes.n - 4u);

  let p0 = pixel_at(min(pixel, sizes.pixels - 1u));
  let p1 = pixel_at(min(pixel + 1u, sizes.pixels - 1u));
  let p2 = pixel_at(min(pixel + 2u, sizes.pixels - 1u));
  let p3 = pixel_at(min(pixel + 3u, sizes.pixels - 1u));
  var c0_0 = vec4f(); var c0_1 = vec4f();
  var c1_0 = vec4f(); var c1_1 = vec4f();
  var c2_0 = vec4f(); var c2_1 = vec4f();
  var c3_0 = vec4f(); var c3_1 = vec4f();
  var c4_0 = vec4f(); var c4_1 = vec4f();
  var c5_0 = vec4f(); var c5_1 = vec4f();
  var c6_0 = vec4f(); var c6_1 = vec4f();
  var c7_0 = vec4f(); var c7_1 = vec4f();
  for (var ky = 0u; ky < sizes.kernel_h; ky++) {
    for (var kx = 0u; kx < sizes.kernel_w; kx++) {
      let tap = ky * sizes.kernel_w + kx;
      let o0 = tap_offset(p0, i32(ky), i32(kx));
      let o1 = tap_offset(p1, i32(ky), i32(kx));
      let o2 = tap_offset(p2, i32(ky), i32(kx));
      let o3 = tap_offset(p3, i32(ky), i32(kx));
      if (K_VECTOR) {
        for (var k = 0u; k < sizes.k; k += 4u) {
          let w0 = weights(tap, k, load_col);
          let w1 = across(w0);
          let x = mat4x4f(load_four(o0, k), load_four(o1, k), load_four(o2, k), load_four(o3, k));
          let y = beside(x);
          c0_0 += w0 * x[0]; c0_1 += w1 * x[0];
          c1_0 += w0 * x[1]; c1_1 += w1 * x[1];
          c2_0 += w0 * x[2]; c2_1 += w1 * x[2];
          c3_0 += w0 * x[3]; c3_1 += w1 * x[3];
          c4_0 += w0 * y[0]; c4_1 += w1 * y[0];
          c5_0 += w0 * y[1]; c5_1 += w1 * y[1];
          c6_0 += w0 * y[2]; c6_1 += w1 * y[2];
          c7_0 += w0 * y[3]; c7_1 += w1 * y[3];
        }
      } else {
        for (var k = 0u; k < sizes.k; k++) {
          let w0 = weight[((tap * sizes.k + k) * sizes.n + load_col) / 4u];
          let w1 = quadSwapY(w0);
          let x = vec4f(load_one(o0, k), load_one(o1, k), load_one(o2, k), load_one(o3, k));
          let y = quadSwapX(x);
          c0_0 += w0 * x[0]; c0_1 += w1 * x[0];
          c1_0 += w0 * x[1]; c1_1 += w1 * x[1];
          c2_0 += w0 * x[2]; c2_1 += w1 * x[2];
          c3_0 += w0 * x[3]; c3_1 += w1 * x[3];
          c4_0 += w0 * y[0]; c4_1 += w1 * y[0];
          c5_0 += w0 * y[1]; c5_1 += w1 * y[1];
          c6_0 += w0 * y[2]; c6_1 += w1 * y[2];
          c7_0 += w0 * y[3]; c7_1 += w1 * y[3];
        }
      }
    }
  }

  var results = array<vec4f, 16>(c0_0, c0_1, c1_0, c1_1, c2_0, c2_1, c3_0, c3_1, c4_0, c4_1, c5_0, c5_1, c6_0, c6_1, c7_0, c7_1);
  for (var i = 0u; i < 16u; i++) {
    let p = select(other_pixel - 4u, pixel, i < 8u) + i / 2u;
    let c = select(col, other_col, i % 2u == 1u);
    if (p < sizes.pixels && c < sizes.n) {
      epilogue(p * sizes.n + c, results[i]);
    }
  }
}
