// Average pooling over NHWC images, one result per invocation and WIDTH channels.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), WIDTH, COUNT_PAD (divide by the window's size,
// else by its elements inside the image). Generated: epilogue(i, value).
struct Sizes {
  count: u32, // results, in V
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
  let ox = i32(e / sizes.channels % sizes.out_w);
  let oy = i32(e / (sizes.channels * sizes.out_w) % sizes.out_h);
  let n = e / (sizes.channels * sizes.out_w * sizes.out_h);
  let y0 = oy * sizes.stride_y - sizes.pad_y;
  let x0 = ox * sizes.stride_x - sizes.pad_x;
  let y1 = min(y0 + i32(sizes.kernel_h), i32(sizes.in_h));
  let x1 = min(x0 + i32(sizes.kernel_w), i32(sizes.in_w));
  var total = V();
  for (var iy = max(y0, 0); iy < y1; iy++) {
    for (var ix = max(x0, 0); ix < x1; ix++) {
      total += x[((n * sizes.in_h + u32(iy)) * sizes.in_w + u32(ix)) * sizes.channels + channel];
    }
  }
  var size = f32(sizes.kernel_h * sizes.kernel_w);
  if (!COUNT_PAD) {
    size = f32((y1 - max(y0, 0)) * (x1 - max(x0, 0)));
  }
  epilogue(e * WIDTH, total / size);
}
