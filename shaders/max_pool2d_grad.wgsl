// Gradient of max pooling, NHWC: each dy goes to the first largest element of its window, one element of the
// input image and WIDTH channels per invocation. It finds the winner of every window that covers the element, so
// windows may overlap and no two invocations write one place.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), WIDTH. Generated: epilogue(i, value).
struct Sizes {
  count: u32, // elements of the input image, in V
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  channels: u32, // in V
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

// First window along one axis that covers position `at`, for windows of `kernel` every `stride`.
fn first_window(at: i32, kernel: u32, stride: i32) -> i32 {
  let past = at - i32(kernel);
  return select(past / stride + 1, 0, past < 0);
}

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
  let ix = i32(e / sizes.channels % sizes.in_w);
  let iy = i32(e / (sizes.channels * sizes.in_w) % sizes.in_h);
  let n = e / (sizes.channels * sizes.in_w * sizes.in_h);
  let here = x[e];
  var total = V();
  let last_y = min((iy + sizes.pad_y) / sizes.stride_y, i32(sizes.out_h) - 1);
  let last_x = min((ix + sizes.pad_x) / sizes.stride_x, i32(sizes.out_w) - 1);
  for (var oy = first_window(iy + sizes.pad_y, sizes.kernel_h, sizes.stride_y); oy <= last_y; oy++) {
    for (var ox = first_window(ix + sizes.pad_x, sizes.kernel_w, sizes.stride_x); ox <= last_x; ox++) {
      let y0 = oy * sizes.stride_y - sizes.pad_y;
      let x0 = ox * sizes.stride_x - sizes.pad_x;
      // This element wins unless an earlier one is at least as large or a later one larger.
      var wins = here == here;
      for (var wy = max(y0, 0); wy < min(y0 + i32(sizes.kernel_h), i32(sizes.in_h)); wy++) {
        for (var wx = max(x0, 0); wx < min(x0 + i32(sizes.kernel_w), i32(sizes.in_w)); wx++) {
          let other = x[((n * sizes.in_h + u32(wy)) * sizes.in_w + u32(wx)) * sizes.channels + channel];
          if ((wy < iy) | ((wy == iy) & (wx < ix))) {
            wins = wins & (other < here);
          } else {
            wins = wins & (other <= here);
          }
        }
      }
      let window = ((n * sizes.out_h + u32(oy)) * sizes.out_w + u32(ox)) * sizes.channels + channel;
      total += select(V(), dy[window], wins);
    }
  }
  epilogue(e * WIDTH, total);
}
