// Gradient of max pooling whose windows do not overlap (stride >= kernel), NHWC: an invocation owns one cell of
// stride by stride input elements and WIDTH channels, finds the winner of the cell's window once and writes the
// whole cell: dy at the winner, zero elsewhere. Cells begin at the padding, so the first and last may be cut.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), I (its integers), WIDTH. Generated: epilogue(i, value).
struct Sizes {
  count: u32, // cells, in V
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  channels: u32, // in V
  cells_h: u32,
  cells_w: u32,
  kernel_h: u32,
  kernel_w: u32,
  stride_y: i32,
  stride_x: i32,
  pad_y: i32,
  pad_x: i32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let e = workgroup_index(group_id, group_count) * 64u + lane;
  if (e >= sizes.count) {
    return;
  }
  let channel = e % sizes.channels;
  let cx = e / sizes.channels % sizes.cells_w;
  let cy = e / (sizes.channels * sizes.cells_w) % sizes.cells_h;
  let n = e / (sizes.channels * sizes.cells_w * sizes.cells_h);
  let y0 = i32(cy) * sizes.stride_y - sizes.pad_y;
  let x0 = i32(cx) * sizes.stride_x - sizes.pad_x;
  let image = n * sizes.in_h;
  let is_window = (cy < sizes.out_h) & (cx < sizes.out_w);

  // The winner of each channel, as its place in the window: row * kernel_w + column.
  let first_y = max(y0, 0);
  let first_x = max(x0, 0);
  let kernel_w = i32(sizes.kernel_w);
  var best = x[((image + u32(first_y)) * sizes.in_w + u32(first_x)) * sizes.channels + channel];
  var winner = I((first_y - y0) * kernel_w + first_x - x0);
  for (var iy = first_y; iy < min(y0 + i32(sizes.kernel_h), i32(sizes.in_h)); iy++) {
    for (var ix = first_x; ix < min(x0 + kernel_w, i32(sizes.in_w)); ix++) {
      let here = x[((image + u32(iy)) * sizes.in_w + u32(ix)) * sizes.channels + channel];
      let larger = here > best;
      best = select(best, here, larger);
      winner = select(winner, I((iy - y0) * kernel_w + ix - x0), larger);
    }
  }
  var gradient = V();
  if (is_window) {
    gradient = dy[((n * sizes.out_h + cy) * sizes.out_w + cx) * sizes.channels + channel];
  }
  for (var iy = first_y; iy < min(y0 + sizes.stride_y, i32(sizes.in_h)); iy++) {
    for (var ix = first_x; ix < min(x0 + sizes.stride_x, i32(sizes.in_w)); ix++) {
      let i = ((image + u32(iy)) * sizes.in_w + u32(ix)) * sizes.channels + channel;
      let covered = (iy < y0 + i32(sizes.kernel_h)) & (ix < x0 + kernel_w);
      let place = select(-1, (iy - y0) * kernel_w + ix - x0, covered);
      epilogue(i * WIDTH, select(V(), gradient, winner == I(place)));
    }
  }
}
