// Max pooling over NHWC images, one result per invocation and WIDTH channels; padding never wins.
// From the window where x is largest (the first of equals) it takes the element of `values`: x itself for the
// pooling (SAME), another image for maxPool2dPick.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), WIDTH, SAME, KERNEL_H, KERNEL_W (so that compilers can
// unroll the loop). Generated: epilogue(i, value).
struct Sizes {
  count: u32, // results, in V
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  channels: u32, // in V
  stride_y: i32,
  stride_x: i32,
  pad_y: i32,
  pad_x: i32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> values: array<V>;

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
  let first = ((n * sizes.in_h + u32(max(y0, 0))) * sizes.in_w + u32(max(x0, 0))) * sizes.channels + channel;
  var best = x[first];
  var picked = values[first];
  for (var place = 0u; place < KERNEL_H * KERNEL_W; place++) {
    let iy = u32(y0 + i32(place / KERNEL_W));
    let ix = u32(x0 + i32(place % KERNEL_W));
    if (iy < sizes.in_h && ix < sizes.in_w) { // as u32 a negative coordinate is huge
      let i = ((n * sizes.in_h + iy) * sizes.in_w + ix) * sizes.channels + channel;
      let here = x[i];
      let larger = here > best;
      best = select(best, here, larger);
      if (!SAME) {
        picked = select(picked, values[i], larger);
      }
    }
  }
  if (SAME) {
    picked = best;
  }
  epilogue(e * WIDTH, picked);
}
