import { PIXELS, SIDE, type Pixels } from './digits.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}
/** The path of the pen from down to up, in any unit; y grows downwards. */
export type Stroke = readonly Point[];

/** MNIST's digits fill a box of 20×20 pixels in their field of 28×28. */
const BOX = 20;
/** Half the pen's width in pixels: a line about as thick as MNIST's median line. */
const PEN = 1.15;
/** Smallest extent that still grows to the whole box, as a share of the pad: a dot stays a dot. */
const DOT = 0.12;

/**
 * A drawing as MNIST would show it: cropped, scaled into 20×20 pixels with its proportions kept, its centre
 * of mass in the middle of 28×28, grey at the edges of the line.
 *
 * The strokes are drawn anew at that size instead of scaling a picture of them down, so that a small
 * drawing does not get thick lines, nor a large one thin ones.
 *
 * @param pad extent of the pad in the unit of the strokes
 * @returns null without ink
 */
export function digitImage(strokes: readonly Stroke[], pad: number): Pixels | null {
  const points = strokes.flat();
  if (points.length === 0) return null;
  const [left, right] = extent(points.map(({ x }) => x));
  const [top, bottom] = extent(points.map(({ y }) => y));
  const scale = (BOX - 2 * PEN) / Math.max(right - left, bottom - top, DOT * pad);
  const place = (centreX: number, centreY: number) =>
    strokes.map((stroke) =>
      stroke.map(({ x, y }) => ({
        x: SIDE / 2 + (x - centreX) * scale,
        y: SIDE / 2 + (y - centreY) * scale,
      })),
    );
  const middle = { x: (left + right) / 2, y: (top + bottom) / 2 };
  const mass = centreOfMass(render(place(middle.x, middle.y)));
  return render(place(middle.x + (mass.x - SIDE / 2) / scale, middle.y + (mass.y - SIDE / 2) / scale));
}

/** Ink per pixel: 1 within the pen, falling to 0 over one pixel at its edge. */
function render(strokes: readonly Stroke[]): Pixels {
  const pixels = new Float32Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    const centre = { x: (i % SIDE) + 0.5, y: Math.floor(i / SIDE) + 0.5 };
    const distance = Math.min(...strokes.map((stroke) => distanceToStroke(centre, stroke)));
    pixels[i] = Math.min(1, Math.max(0, PEN + 0.5 - distance));
  }
  return pixels;
}

function distanceToStroke(p: Point, stroke: Stroke): number {
  let nearest = Infinity;
  for (const [i, end] of stroke.entries()) {
    nearest = Math.min(nearest, distanceToSegment(p, stroke[Math.max(0, i - 1)]!, end));
  }
  return nearest;
}

function distanceToSegment(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : ((p.x - a.x) * dx + (p.y - a.y) * dy) / squared;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

function centreOfMass(pixels: Pixels): Point {
  let [mass, x, y] = [0, 0, 0];
  for (const [i, ink] of pixels.entries()) {
    mass += ink;
    x += ink * ((i % SIDE) + 0.5);
    y += ink * (Math.floor(i / SIDE) + 0.5);
  }
  return { x: x / mass, y: y / mass };
}

function extent(values: readonly number[]): [low: number, high: number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}
