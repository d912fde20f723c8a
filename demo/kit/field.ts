import type { Points } from './points.ts';
import { toRgb, type Rgb } from './rgb.ts';
import { drawScaled } from './surface.ts';

/** Where a point of [−1, 1]² is on a square of `size` pixels. */
export const placeOf = (x: number, y: number, size: number): [x: number, y: number] => [
  ((x + 1) / 2) * size,
  ((1 - y) / 2) * size,
];

const coloursOf = (style: CSSStyleDeclaration): string[] =>
  ['--warm', '--accent'].map((name) => style.getPropertyValue(name).trim());

/** Class probabilities as a field of two colours, pale where they are even. @param field as of `gridPoints` */
export function drawField(
  context: CanvasRenderingContext2D,
  field: Float32Array,
  size: number,
  style: CSSStyleDeclaration,
): void {
  const side = Math.sqrt(field.length);
  const [a, b] = coloursOf(style).map(toRgb) as [Rgb, Rgb];
  const image = new ImageData(side, side);
  field.forEach((p, i) => {
    image.data.set(p < 0.5 ? a : b, 4 * i);
    image.data[4 * i + 3] = 255 * (0.05 + 0.35 * Math.abs(2 * p - 1));
  });
  drawScaled(context, image, size);
}

export function drawPoints(
  context: CanvasRenderingContext2D,
  { x, y }: Points,
  size: number,
  radius: number,
  style: CSSStyleDeclaration,
): void {
  const colours = coloursOf(style);
  context.lineWidth = radius / 3;
  context.strokeStyle = style.getPropertyValue('--card');
  y.forEach((label, i) => {
    context.fillStyle = colours[label]!;
    context.beginPath();
    context.arc(...placeOf(x[2 * i]!, x[2 * i + 1]!, size), radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  });
}
