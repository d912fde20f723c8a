// How the kernels of a weight gradient read the image: `x`, `sizes` and the constants are those of the kernel file.

// What one row reads: the displacement of its tap and its channel.
struct Row {
  y: i32,
  x: i32,
  channel: u32,
}

fn row_of(wanted: u32) -> Row {
  let row = min(wanted, sizes.rows - 1u);
  let tap = row / sizes.in_channels;
  return Row(
    i32(tap / sizes.kernel_w) * sizes.dilation_y - sizes.pad_y,
    i32(tap % sizes.kernel_w) * sizes.dilation_x - sizes.pad_x,
    row % sizes.in_channels
  );
}

// Offset of the row's element for output pixel (oy, ox) of an image, or -1 outside it.
fn offset_of(row: Row, image: u32, oy: u32, ox: u32) -> i32 {
  let y = i32(oy) * sizes.stride_y + row.y;
  let x = i32(ox) * sizes.stride_x + row.x;
  let inside = (u32(y) < sizes.in_h) & (u32(x) < sizes.in_w); // as u32 a negative coordinate is huge
  return select(-1, i32(((image * sizes.in_h + u32(y)) * sizes.in_w + u32(x)) * sizes.in_channels + row.channel), inside);
}

fn load_four(offset: i32) -> vec4f {
  return select(vec4f(), vec4f(x[u32(max(offset, 0)) / 4u]), offset >= 0);
}

fn load_one(offset: i32) -> f32 {
  return select(0.0, vec4f(x[u32(max(offset, 0))]).x, offset >= 0);
}
