// Gradient of max pooling whose windows do not overlap (stride >= kernel), NHWC: an invocation owns one cell of
// stride by stride input elements and WIDTH channels, finds the winner of the cell's window once and writes the
// whole cell: dy at the winner, zero elsewhere. Cells begin at the padding, so the first and last may be cut.
// Loops have constant bounds, so that compilers can unroll them.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), I (its integers), WIDTH, KERNEL_H, KERNEL_W, CELL_H,
// CELL_W (the stride). Generated: epilogue(i, value).
struct Sizes {
  count: u32, // cells, in V
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  channels: u32, // in V
  cells_h: u32,
  cells_w: u32,
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
  let y0 = i32(cy * CELL_H) - sizes.pad_y;
  let x0 = i32(cx * CELL_W) - sizes.pad_x;
  let image = n * sizes.in_h;
  let is_window = (cy < sizes.out_h) & (cx < sizes.out_w);

  // The winner of each channel, as its place in the window.
  let first_y = max(y0, 0);
  let first_x = max(x0, 0);
  var best = x[((image + u32(first_y)) * sizes.in_w + u32(first_x)) * sizes.channels + channel];
  var winner = I((first_y - y0) * i32(KERNEL_W) + first_x - x0);
  for (var place = 0u; place < KERNEL_H * KERNEL_W; place++) {
    let iy = u32(y0 + i32(place / KERNEL_W));
    let ix = u32(x0 + i32(place % KERNEL_W));
    if (iy < sizes.in_h && ix < sizes.in_w) { // as u32 a negative coordinate is huge
      let here = x[((image + iy) * sizes.in_w + ix) * sizes.channels + channel];
      let larger = here > best;
      best = select(best, here, larger);
      winner = select(winner, I(i32(place)), larger);
    }
  }
  var gradient = V();
  if (is_window) {
    gradient = dy[((n * sizes.out_h + cy) * sizes.out_w + cx) * sizes.channels + channel];
  }
  for (var element = 0u; element < CELL_H * CELL_W; element++) {
    let row = element / CELL_W;
    let column = element % CELL_W;
    let iy = u32(y0 + i32(row));
    let ix = u32(x0 + i32(column));
    if (iy < sizes.in_h && ix < sizes.in_w) {
      let i = ((image + iy) * sizes.in_w + ix) * sizes.channels + channel;
      let covered = (row < KERNEL_H) & (column < KERNEL_W);
      let place = select(-1, i32(row * KERNEL_W + column), covered);
      epilogue(i * WIDTH, select(V(), gradient, winner == I(place)));
    }
  }
}
