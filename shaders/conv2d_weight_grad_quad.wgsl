// Weight gradient of a convolution, NHWC images and HWIO weights: the same as conv2d_weight_grad.wgsl, where the lanes of a
// quad share what they load. The four lanes are a square: those side by side need the same 8 rows (tap, input channel), those
// above each other the same 8 output channels. So each lane loads one half of them and gets the other half from its
// neighbour. A lane's own four rows and channels come first in its sums: c<row>_<channels>.
//
// Needs subgroups of whole quads of neighbouring invocations; LANES_X is even.
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
  @builtin(local_invocation_index) local: u32
) {
  let tile = workgroup_index(group_id, group_count);
  let part = tile / (sizes.tiles_rows * sizes.tiles_columns);
  let quad = local / 4u;
  let row_of_quads = quad / (LANES_X / 2u) * 2u;
  let right = local % 2u;
  let below = local / 2u % 2u;
  let quad_row = (tile / sizes.tiles_columns % sizes.tiles_rows * LANES_Y + row_of_quads) * 8u;
  let quad_col = tile % sizes.tiles_columns * (LANES_X * 8u) + quad % (LANES_X / 2u) * 8u;
  // Rows of LANES_X lanes need not fill the workgroup.
  if (row_of_quads >= LANES_Y || part >= sizes.parts || quad_row >= sizes.rows || quad_col >= sizes.out_channels) {
    return; // a whole quad
  }
  let row = quad_row + below * 8u + right * 4u;
  let other_row = quad_row + below * 8u + (1u - right) * 4u;
  let col = quad_col + right * 4u + below * (LANES_X * 4u);
  let other_col = quad_col + right * 4u + (1u - below) * (LANES_X * 4u);
  // A channel group past the end loads the last one.
  let load_col = min(col, sizes.out_channels - 4u);

  let row0 = row_of(row + 0u);
  let row1 = row_of(row + 1u);
  let row2 = row_of(row + 2u);
  let row3 = row_of(row + 3u);
  var c0_0 = vec4f(); var c0_1 = vec4f();
  var c1_0 = vec4f(); var c1_1 = vec4f();
  var c2_0 = vec4f(); var c2_1 = vec4f();
  var c3_0 = vec4f(); var c3_1 = vec4f();
  var c4_0 = vec4f(); var c4_1 = vec4f();
  var c5_0 = vec4f(); var c5_1 = vec4f();
  var c6_0 = vec4f(); var c6_1 = vec4f();
  var c7_0 = vec4f(); var c7_1 = vec4f();
  for (var image = part * sizes.images; image < (part + 1u) * sizes.images; image++) {
    for (var oy = 0u; oy < sizes.out_h; oy++) {
      for (var ox = 0u; ox < sizes.out_w; ox++) {
        let pixel = ((image * sizes.out_h + oy) * sizes.out_w + ox) * sizes.out_channels;
        let d0 = dy[(pixel + load_col) / 4u];
        let d1 = quadSwapY(d0);
        var own = vec4f();
        if (I_VECTOR) {
          own = load_four(offset_of(row0, image, oy, ox));
        } else {
          own = vec4f(
            load_one(offset_of(row0, image, oy, ox)),
            load_one(offset_of(row1, image, oy, ox)),
            load_one(offset_of(row2, image, oy, ox)),
            load_one(offset_of(row3, image, oy, ox))
          );
        }
        let across = quadSwapX(own);
        c0_0 += own[0] * d0; c0_1 += own[0] * d1;
        c1_0 += own[1] * d0; c1_1 += own[1] * d1;
        c2_0 += own[2] * d0; c2_1 += own[2] * d1;
        c3_0 += own[3] * d0; c3_1 += own[3] * d1;
        c4_0 += across[0] * d0; c4_1 += across[0] * d1;
        c5_0 += across[1] * d0; c5_1 += across[1] * d1;
        c6_0 += across[2] * d0; c6_1 += across[2] * d1;
        c7_0 += across[3] * d0; c7_1 += across[3] * d1;
      }
    }
  }

  var results = array<vec4f, 16>(c0_0, c0_1, c1_0, c1_1, c2_0, c2_1, c3_0, c3_1, c4_0, c4_1, c5_0, c5_1, c6_0, c6_1, c7_0, c7_1);
  for (var i = 0u; i < 16u; i++) {
    let r = select(other_row - 4u, row, i < 8u) + i / 2u;
    let c = select(col, other_col, i % 2u == 1u);
    if (r < sizes.rows && c < sizes.out_channels) {
      epilogue((part * sizes.rows + r) * sizes.out_channels + c, results[i]);
    }
  }
}
