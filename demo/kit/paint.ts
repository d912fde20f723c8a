import { PIXELS, SIDE, type Pixels } from './digits.ts';

/** Paint a digit black on transparent; the class `ink` inverts it on a dark page. */
export function paint(canvas: HTMLCanvasElement, pixels: Pixels | null): void {
  canvas.width = canvas.height = SIDE;
  if (pixels) paintMap(canvas, pixels.subarray(0, PIXELS), SIDE);
}

/** Paint digits like `paint`, side by side in rows of `columns`. */
export function paintTiles(canvas: HTMLCanvasElement, digits: Pixels, columns: number): void {
  const width = columns * SIDE;
  const values = digits.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const tile = Math.floor(y / SIDE) * columns + Math.floor(x / SIDE);
    return digits[tile * PIXELS + (y % SIDE) * SIDE + (x % SIDE)]!;
  });
  paintMap(canvas, values, width);
}

/** Paint values in [0, 1] as the opacity of black: a square map, or several side by side. */
export function paintMap(canvas: HTMLCanvasElement, values: ArrayLike<number>, width: number): void {
  const height = values.length / width;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) image.data[4 * i + 3] = Math.round(255 * values[i]!);
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
