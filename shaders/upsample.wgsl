// Nearest or bilinear resampling of NHWC images, one result per invocation and WIDTH channels.
//
// Output i lies at input position max(i * step + start, 0) / unit along each axis; a position outside is that of the
// edge. Injected: V (vec4f, or f32 where channels are not a multiple of 4), WIDTH, BILINEAR (blend the neighbours of the
// position, else take the one before it). Generated: epilogue(i, value).
struct Sizes {
  count: u32, // results, in V
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  channels: u32, // in V
  step_y: i32,
  step_x: i32,
  start_y: i32,
  start_x: i32,
  unit_y: i32,
  unit_x: i32,
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
  let py = max(oy * sizes.step_y + sizes.start_y, 0);
  let px = max(ox * sizes.step_x + sizes.start_x, 0);
  let y0 = u32(py / sizes.unit_y);
  let x0 = u32(px / sizes.unit_x);
  let top = (n * sizes.in_h + y0) * sizes.in_w;
  if (!BILINEAR) {
    epilogue(e * WIDTH, x[(top + x0) * sizes.channels + channel]);
    return;
  }
  let bottom = (n * sizes.in_h + min(y0 + 1u, sizes.in_h - 1u)) * sizes.in_w;
  let x1 = min(x0 + 1u, sizes.in_w - 1u);
  let fy = f32(py % sizes.unit_y) / f32(sizes.unit_y);
  let fx = f32(px % sizes.unit_x) / f32(sizes.unit_x);
  let above = x[(top + x0) * sizes.channels + channel] * (1.0 - fx) + x[(top + x1) * sizes.channels + channel] * fx;
  let below =
    x[(bottom + x0) * sizes.channels + channel] * (1.0 - fx) + x[(bottom + x1) * sizes.channels + channel] * fx;
  epilogue(e * WIDTH, above * (1.0 - fy) + below * fy);
}
