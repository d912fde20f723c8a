// Weight gradient of a convolution, NHWC images and HWIO weights: for each part of the batch
//   dw[part, ky, kx, i, o] = sum over its images and output pixels of x[n, oy s + ky d - p, ox s + kx d - p, i] dy[n, oy, ox, o]
//
// A matrix product X^T dY whose rows are (tap, input channel) and whose inner axis are the pixels. Register tile:
// an invocation owns 8 rows by 8 output channels (two vec4, LANES_X apart) and walks the pixels of its part.
// With I_VECTOR the 8 rows are two groups of 4 neighbouring channels of one tap; otherwise each row has a tap of its own.
//
// Injected: X_ELEMENT (vec4f with I_VECTOR, else f32), I_VECTOR (input channels are a multiple of 4), LANES_X, LANES_Y.
// Output channels are a multiple of 4. Generated: epilogue(i, value).
// Library: row_of, offset_of, load_four, load_one, workgroup_index.
struct Sizes {
  rows: u32, // kernel_h * kernel_w * in_channels
  in_channels: u32,
  out_channels: u32,
  tiles_rows: u32,
  tiles_columns: u32,
  parts: u32,
  images: u32, // of one part
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  kernel_w: u32,
  stride_y: i32,
  stride_x: i32,
  pad_y: i32,
  pad_x: i32,
  dilation_y: i32,
  dilation_x: i32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<X_ELEMENT>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let local = vec2u(lane % LANES_X, lane / LANES_X);
  let tile = workgroup_index(group_id, group_count);
  let part = tile / (sizes.tiles_rows * sizes.tiles_columns);
  let row = (tile / sizes.tiles_columns % sizes.tiles_rows * LANES_Y + local.y) * 8u;
  let col0 = tile % sizes.tiles_columns * (LANES_X * 8u) + local.x * 4u;
  // Rows of LANES_X lanes need not fill the workgroup.
  if (local.y >= LANES_Y || part >= sizes.parts || row >= sizes.rows || col0 >= sizes.out_channels) {
    return;
  }
  let second = col0 + LANES_X * 4u;
  let col1 = select(col0, second, second < sizes.out_channels);

  let row0 = row_of(row + 0u);
  let row1 = row_of(row + 1u);
  let row2 = row_of(row + 2u);
  let row3 = row_of(row + 3u);
  let row4 = row_of(row + 4u);
  let row5 = row_of(row + 5u);
  let row6 = row_of(row + 6u);
  let row7 = row_of(row + 7u);
  var c00 = vec4f(); var c01 = vec4f();
  var c10 = vec4f(); var c11 = vec4f();
  var c20 = vec4f(); var c21 = vec4f();
  var c30 = vec4f(); var c31 = vec4f();
  var c40 = vec4f(); var c41 = vec4f();
  var c50 = vec4f(); var c51 = vec4f();
  var c60 = vec4f(); var c61 = vec4f();
  var c70 = vec4f(); var c71 = vec4f();
  for (var image = part * sizes.images; image < (part + 1u) * sizes.images; image++) {
    for (var oy = 0u; oy < sizes.out_h; oy++) {
      for (var ox = 0u; ox < sizes.out_w; ox++) {
        let pixel = ((image * sizes.out_h + oy) * sizes.out_w + ox) * sizes.out_channels;
        let d0 = dy[(pixel + col0) / 4u];
        let d1 = dy[(pixel + col1) / 4u];
        if (I_VECTOR) {
          let x0 = load_four(offset_of(row0, image, oy, ox));
          let x4 = load_four(offset_of(row4, image, oy, ox));
          c00 += x0[0] * d0; c01 += x0[0] * d1;
          c10 += x0[1] * d0; c11 += x0[1] * d1;
          c20 += x0[2] * d0; c21 += x0[2] * d1;
          c30 += x0[3] * d0; c31 += x0[3] * d1;
          c40 += x4[0] * d0; c41 += x4[0] * d1;
          c50 += x4[1] * d0; c51 += x4[1] * d1;
          c60 += x4[2] * d0; c61 += x4[2] * d1;
          c70 += x4[3] * d0; c71 += x4[3] * d1;
        } else {
          let x0 = load_one(offset_of(row0, image, oy, ox)); c00 += x0 * d0; c01 += x0 * d1;
          let x1 = load_one(offset_of(row1, image, oy, ox)); c10 += x1 * d0; c11 += x1 * d1;
          let x2 = load_one(offset_of(row2, image, oy, ox)); c20 += x2 * d0; c21 += x2 * d1;
          let x3 = load_one(offset_of(row3, image, oy, ox)); c30 += x3 * d0; c31 += x3 * d1;
          let x4 = load_one(offset_of(row4, image, oy, ox)); c40 += x4 * d0; c41 += x4 * d1;
          let x5 = load_one(offset_of(row5, image, oy, ox)); c50 += x5 * d0; c51 += x5 * d1;
          let x6 = load_one(offset_of(row6, image, oy, ox)); c60 += x6 * d0; c61 += x6 * d1;
          let x7 = load_one(offset_of(row7, image, oy, ox)); c70 += x7 * d0; c71 += x7 * d1;
        }
      }
    }
  }

  var results = array<vec4f, 16>(c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51, c60, c61, c70, c71);
  for (var i = 0u; i < 16u; i++) {
    let r = row + i / 2u;
    let c = select(col0, second, i % 2u == 1u);
    if (r < sizes.rows && c < sizes.out_channels) {
      epilogue((part * sizes.rows + r) * sizes.out_channels + c, results[i]);
    }
  }
}
