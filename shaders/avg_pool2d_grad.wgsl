// Gradient of average pooling, NHWC: each element of the input image adds dy / size of the windows that cover it.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), WIDTH, COUNT_PAD (sizes count padding).
// Generated: epilogue(i, value).
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
@group(0) @binding(1) var<storage, read> dy: array<V>;

// First window along one axis that covers position `at`, for windows of `kernel` every `stride`.
fn first_window(at: i32, kernel: u32, stride: i32) -> i32 {
  let past = at - i32(kernel);
  return select(past / stride + 1, 0, past < 0);
}

// Elements of a window along one axis that lie inside the image.
fn extent(window: i32, kernel: u32, stride: i32, pad: i32, size: u32) -> i32 {
  let start = window * stride - pad;
  return min(start + i32(kernel), i32(size)) - max(start, 0);
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
  let last_y = min((iy + sizes.pad_y) / sizes.stride_y, i32(sizes.out_h) - 1);
  let last_x = min((ix + sizes.pad_x) / sizes.stride_x, i32(sizes.out_w) - 1);
  var total = V();
  for (var oy = first_window(iy + sizes.pad_y, sizes.kernel_h, sizes.stride_y); oy <= last_y; oy++) {
    for (var ox = first_window(ix + sizes.pad_x, sizes.kernel_w, sizes.stride_x); ox <= last_x; ox++) {
      var size = i32(sizes.kernel_h * sizes.kernel_w);
      if (!COUNT_PAD) {
        size = extent(oy, sizes.kernel_h, sizes.stride_y, sizes.pad_y, sizes.in_h)
          * extent(ox, sizes.kernel_w, sizes.stride_x, sizes.pad_x, sizes.in_w);
      }
      total += dy[((n * sizes.out_h + u32(oy)) * sizes.out_w + u32(ox)) * sizes.channels + channel] / f32(size);
    }
  }
  epilogue(e * WIDTH, total);
}
