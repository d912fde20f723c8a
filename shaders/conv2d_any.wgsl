// Convolution over NHWC images with any channel counts and groups, one result element per invocation. The
// register-tiled kernels take the common shapes; this one is for the others.
//
// MODE 0, forward:      y[n, oy, ox, o]       = sum over ky, kx, i of x[n, iy, ix, g I + i] w[ky, kx, i, o]
// MODE 1, transposed:   x[n, iy, ix, g I + i] = sum over ky, kx, o of y[n, oy, ox, o] w[ky, kx, i, o]
// MODE 2, weight grad:  w[part, ky, kx, i, o] = sum over images, oy, ox of x[n, iy, ix, g I + i] y[n, oy, ox, o]
// with iy = oy stride + ky dilation - pad, g the group of output channel o, I the channels of one group.
//
// `left` is x, y, x and `right` is w, w, y. Injected: MODE. Generated: epilogue(i, value).
struct Sizes {
  count: u32, // result elements
  x_h: u32,
  x_w: u32,
  x_channels: u32,
  y_h: u32,
  y_w: u32,
  y_channels: u32,
  kernel_h: u32,
  kernel_w: u32,
  groups: u32,
  images: u32, // of one part, in mode 2
  stride_y: i32,
  stride_x: i32,
  pad_y: i32,
  pad_x: i32,
  dilation_y: i32,
  dilation_x: i32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;

fn x_offset(n: u32, y: u32, x: u32, channel: u32) -> u32 {
  return ((n * sizes.x_h + y) * sizes.x_w + x) * sizes.x_channels + channel;
}

fn y_offset(n: u32, y: u32, x: u32, channel: u32) -> u32 {
  return ((n * sizes.y_h + y) * sizes.y_w + x) * sizes.y_channels + channel;
}

fn w_offset(ky: u32, kx: u32, i: u32, o: u32) -> u32 {
  return ((ky * sizes.kernel_w + kx) * (sizes.x_channels / sizes.groups) + i) * sizes.y_channels + o;
}

// Position in x of output position `o` under tap `k`, along y and along x.
fn source_y(o: u32, k: u32) -> i32 {
  return i32(o) * sizes.stride_y + i32(k) * sizes.dilation_y - sizes.pad_y;
}

fn source_x(o: u32, k: u32) -> i32 {
  return i32(o) * sizes.stride_x + i32(k) * sizes.dilation_x - sizes.pad_x;
}

fn inside(y: i32, x: i32) -> bool {
  return (y >= 0) & (y < i32(sizes.x_h)) & (x >= 0) & (x < i32(sizes.x_w));
}

fn forward(e: u32) -> f32 {
  let o = e % sizes.y_channels;
  let ox = e / sizes.y_channels % sizes.y_w;
  let oy = e / (sizes.y_channels * sizes.y_w) % sizes.y_h;
  let n = e / (sizes.y_channels * sizes.y_w * sizes.y_h);
  let width = sizes.x_channels / sizes.groups;
  let first = o / (sizes.y_channels / sizes.groups) * width;
  var sum = 0.0;
  for (var ky = 0u; ky < sizes.kernel_h; ky++) {
    for (var kx = 0u; kx < sizes.kernel_w; kx++) {
      let y = source_y(oy, ky);
      let x = source_x(ox, kx);
      if (inside(y, x)) {
        for (var i = 0u; i < width; i++) {
          sum += left[x_offset(n, u32(y), u32(x), first + i)] * right[w_offset(ky, kx, i, o)];
        }
      }
    }
  }
  return sum;
}

fn transposed(e: u32) -> f32 {
  let channel = e % sizes.x_channels;
  let x = e / sizes.x_channels % sizes.x_w;
  let y = e / (sizes.x_channels * sizes.x_w) % sizes.x_h;
  let n = e / (sizes.x_channels * sizes.x_w * sizes.x_h);
  let width = sizes.x_channels / sizes.groups;
  let outputs = sizes.y_channels / sizes.groups;
  let first = channel / width * outputs;
  var sum = 0.0;
  for (var ky = 0u; ky < sizes.kernel_h; ky++) {
    for (var kx = 0u; kx < sizes.kernel_w; kx++) {
      let ty = i32(y) + sizes.pad_y - i32(ky) * sizes.dilation_y;
      let tx = i32(x) + sizes.pad_x - i32(kx) * sizes.dilation_x;
      let oy = ty / sizes.stride_y;
      let ox = tx / sizes.stride_x;
      let hit = (ty >= 0) & (tx >= 0) & (ty % sizes.stride_y == 0) & (tx % sizes.stride_x == 0);
      if (hit & (oy < i32(sizes.y_h)) & (ox < i32(sizes.y_w))) {
        for (var o = first; o < first + outputs; o++) {
          sum += left[y_offset(n, u32(oy), u32(ox), o)] * right[w_offset(ky, kx, channel % width, o)];
        }
      }
    }
  }
  return sum;
}

fn weight_grad(e: u32) -> f32 {
  let width = sizes.x_channels / sizes.groups;
  let o = e % sizes.y_channels;
  let i = e / sizes.y_channels % width;
  let kx = e / (sizes.y_channels * width) % sizes.kernel_w;
  let ky = e / (sizes.y_channels * width * sizes.kernel_w) % sizes.kernel_h;
  let part = e / (sizes.y_channels * width * sizes.kernel_w * sizes.kernel_h);
  let channel = o / (sizes.y_channels / sizes.groups) * width + i;
  var sum = 0.0;
  for (var n = part * sizes.images; n < (part + 1u) * sizes.images; n++) {
    for (var oy = 0u; oy < sizes.y_h; oy++) {
      for (var ox = 0u; ox < sizes.y_w; ox++) {
        let y = source_y(oy, ky);
        let x = source_x(ox, kx);
        if (inside(y, x)) {
          sum += left[x_offset(n, u32(y), u32(x), channel)] * right[y_offset(n, oy, ox, o)];
        }
      }
    }
  }
  return sum;
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
  if (MODE == 0u) {
    epilogue(e, forward(e));
  } else if (MODE == 1u) {
    epilogue(e, transposed(e));
  } else {
    epilogue(e, weight_grad(e));
  }
}
