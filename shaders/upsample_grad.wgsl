// The adjoint of upsample.wgsl, NHWC: each element of the input image adds up dy of the outputs that read it, each
// with its share. One element and WIDTH channels per invocation, so that no two invocations write one place.
//
// Injected: V (vec4f, or f32 where channels are not a multiple of 4), WIDTH, BILINEAR. Generated: epilogue(i, value).
struct Sizes {
  count: u32, // elements of the input image, in V
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
@group(0) @binding(1) var<storage, read> dy: array<V>;

// One axis: output i lies at input position max(i * step + start, 0) / unit.
struct Axis {
  step: i32,
  start: i32,
  unit: i32,
  input: i32,  // elements before
  output: i32, // and after
}

// First output at or after input position `at`.
fn first_output(at: i32, axis: Axis) -> i32 {
  let distance = max(at * axis.unit - axis.start, 0);
  // A step of 0 comes with one input element, which asks for no such output.
  let step = max(axis.step, 1);
  return min((distance + step - 1) / step, axis.output);
}

// Outputs in [x, y) may read input element `at`: those between its neighbours, or from it to the next one.
fn readers(at: i32, axis: Axis) -> vec2i {
  let first = first_output(select(at, at - 1, BILINEAR), axis);
  let end = first_output(at + 1, axis);
  return vec2i(select(first, 0, at == 0), select(end, axis.output, at == axis.input - 1));
}

// What output i takes of input element `at`.
fn share(i: i32, at: i32, axis: Axis) -> f32 {
  let position = max(i * axis.step + axis.start, 0);
  let before = position / axis.unit;
  if (!BILINEAR) {
    return select(0.0, 1.0, before == at);
  }
  let after = min(before + 1, axis.input - 1);
  let fraction = f32(position % axis.unit) / f32(axis.unit);
  return select(0.0, 1.0 - fraction, before == at) + select(0.0, fraction, after == at);
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
  let vertical = Axis(sizes.step_y, sizes.start_y, sizes.unit_y, i32(sizes.in_h), i32(sizes.out_h));
  let horizontal = Axis(sizes.step_x, sizes.start_x, sizes.unit_x, i32(sizes.in_w), i32(sizes.out_w));
  let rows = readers(iy, vertical);
  let columns = readers(ix, horizontal);
  var total = V();
  for (var oy = rows.x; oy < rows.y; oy++) {
    var row = V();
    for (var ox = columns.x; ox < columns.y; ox++) {
      let output = ((n * sizes.out_h + u32(oy)) * sizes.out_w + u32(ox)) * sizes.channels + channel;
      row += dy[output] * share(ox, ix, horizontal);
    }
    total += row * share(oy, iy, vertical);
  }
  epilogue(e * WIDTH, total);
}
