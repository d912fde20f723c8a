// How the convolution kernels read their operands: `source`, `weight`, `sizes` and the constants are those of the kernel file.

// Where an output pixel reads: its window's corner in the source (transposed: its own place plus the padding).
struct Pixel {
  y: i32,
  x: i32,
  image: u32,
}

fn pixel_at(index: u32) -> Pixel {
  let y = i32(index / sizes.out_w % sizes.out_h);
  let x = i32(index % sizes.out_w);
  let image = index / (sizes.out_h * sizes.out_w);
  if (TRANSPOSED) {
    return Pixel(y + sizes.pad_y, x + sizes.pad_x, image);
  }
  return Pixel(y * sizes.stride_y - sizes.pad_y, x * sizes.stride_x - sizes.pad_x, image);
}

// Offset of the source pixel that a tap reads, in elements, or -1 outside the image. Bools are joined by & and
// not by &&, whose branches made a software adapter's compiler run for minutes.
fn tap_offset(pixel: Pixel, tap_y: i32, tap_x: i32) -> i32 {
  var y = pixel.y + tap_y * sizes.dilation_y;
  var x = pixel.x + tap_x * sizes.dilation_x;
  var hit = true;
  if (TRANSPOSED) {
    y = pixel.y - tap_y * sizes.dilation_y;
    x = pixel.x - tap_x * sizes.dilation_x;
    if (STRIDED) {
      hit = (y >= 0) & (x >= 0) & (y % sizes.stride_y == 0) & (x % sizes.stride_x == 0);
      y = y / sizes.stride_y;
      x = x / sizes.stride_x;
    }
  }
  // As u32 a negative coordinate is huge.
  hit = hit & (u32(y) < sizes.in_h) & (u32(x) < sizes.in_w);
  return select(-1, i32(((pixel.image * sizes.in_h + u32(y)) * sizes.in_w + u32(x)) * sizes.k), hit);
}

// Four neighbouring channels of a source pixel, zeros outside the image.
fn load_four(offset: i32, k: u32) -> vec4f {
  return select(vec4f(), vec4f(source[(u32(max(offset, 0)) + k) / 4u]), offset >= 0);
}

// One channel of a source pixel.
fn load_one(offset: i32, k: u32) -> f32 {
  return select(0.0, vec4f(source[u32(max(offset, 0)) + k]).x, offset >= 0);
}

// Column p: the weights from source channel k + p to result channels col .. col + 3.
fn weights(tap: u32, k: u32, col: u32) -> mat4x4f {
  if (TRANSPOSED) {
    let i = ((tap * sizes.n + col) * sizes.k + k) / 4u;
    let row = sizes.k / 4u;
    return transpose(mat4x4f(weight[i], weight[i + row], weight[i + 2u * row], weight[i + 3u * row]));
  }
  let i = ((tap * sizes.k + k) * sizes.n + col) / 4u;
  let row = sizes.n / 4u;
  return mat4x4f(weight[i], weight[i + row], weight[i + 2u * row], weight[i + 3u * row]);
}
