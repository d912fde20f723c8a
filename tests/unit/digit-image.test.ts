import { expect, test } from 'vitest';
import { digitImage, type Stroke } from '../../demo/kit/digit-image.ts';

const SIDE = 28;
const one: Stroke = [
  { x: 0.5, y: 0.2 },
  { x: 0.45, y: 0.8 },
];
const seven: Stroke = [
  { x: 0.2, y: 0.2 },
  { x: 0.7, y: 0.25 },
  { x: 0.4, y: 0.9 },
];
const moved = (stroke: Stroke, scale: number, dx: number, dy: number): Stroke =>
  stroke.map(({ x, y }) => ({ x: scale * x + dx, y: scale * y + dy }));

/** Columns or rows with ink, from the first to the last. */
function extent(image: Float32Array, axis: 'x' | 'y'): number {
  const at = [...image.keys()]
    .filter((i) => image[i]! > 0.5)
    .map((i) => (axis === 'x' ? i % SIDE : Math.floor(i / SIDE)));
  return Math.max(...at) - Math.min(...at) + 1;
}

function centre(image: Float32Array): [x: number, y: number] {
  let [mass, x, y] = [0, 0, 0];
  for (const [i, ink] of image.entries()) {
    mass += ink;
    x += ink * ((i % SIDE) + 0.5);
    y += ink * (Math.floor(i / SIDE) + 0.5);
  }
  return [x / mass, y / mass];
}

test('a drawn digit fills 20 pixels and has its centre of mass in the middle', () => {
  for (const stroke of [one, seven]) {
    const image = digitImage([stroke], 1)!;
    expect(Math.max(extent(image, 'x'), extent(image, 'y'))).toBeGreaterThanOrEqual(19);
    expect(Math.max(extent(image, 'x'), extent(image, 'y'))).toBeLessThanOrEqual(21);
    const [x, y] = centre(image);
    expect(Math.abs(x - SIDE / 2)).toBeLessThan(0.1);
    expect(Math.abs(y - SIDE / 2)).toBeLessThan(0.1);
  }
});

test('a drawn digit keeps its proportions and has grey edges', () => {
  const image = digitImage([one], 1)!;
  expect(extent(image, 'x')).toBeLessThan(8);
  expect(Math.max(...image)).toBe(1);
  expect(image.some((ink) => ink > 0.2 && ink < 0.8)).toBe(true);
});

test('where and how large a digit is drawn makes no difference', () => {
  const image = digitImage([seven], 1)!;
  const elsewhere = digitImage([moved(seven, 0.5, 0.4, 0.1)], 1)!;
  for (const [i, ink] of image.entries()) expect(elsewhere[i]).toBeCloseTo(ink, 4);
});

test('a dot stays small, and no ink is no image', () => {
  const dot = digitImage([[{ x: 0.1, y: 0.9 }]], 1)!;
  expect(extent(dot, 'x')).toBeLessThanOrEqual(4);
  expect(centre(dot)[0]).toBeCloseTo(SIDE / 2, 4);
  expect(digitImage([], 1)).toBeNull();
});
