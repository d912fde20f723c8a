import { encode } from 'fast-png';

/** Paper between the images of a grid. */
const GAP = 2;

/**
 * Grey images side by side as a PNG file.
 *
 * @param pixels [n, height, width]: 0 is paper, 1 is ink; clamped
 * @param columns images in a row
 * @param options height, width (28), and `scale`: the side of a pixel in the file (2)
 */
export function imageGrid(
  pixels: Float32Array,
  columns: number,
  { height = 28, width = 28, scale = 2 }: { height?: number; width?: number; scale?: number } = {},
): Uint8Array<ArrayBuffer> {
  const count = pixels.length / (height * width);
  const [across, down] = [columns * (width + GAP) + GAP, Math.ceil(count / columns) * (height + GAP) + GAP];
  const data = new Uint8Array(across * scale * down * scale).fill(255);
  for (let i = 0; i < pixels.length; i++) {
    const image = Math.floor(i / (height * width));
    const x = (image % columns) * (width + GAP) + GAP + (i % width);
    const y = Math.floor(image / columns) * (height + GAP) + GAP + (Math.floor(i / width) % height);
    const shade = 255 * (1 - Math.min(1, Math.max(0, pixels[i]!)));
    for (let dy = 0; dy < scale; dy++)
      data.fill(shade, ((y * scale + dy) * across + x) * scale, ((y * scale + dy) * across + x + 1) * scale);
  }
  return new Uint8Array(encode({ width: across * scale, height: down * scale, channels: 1, data }));
}
