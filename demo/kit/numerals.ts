import { CLASSES } from './digits.ts';

/** Hues that neighbours in the alphabet of digits do not share; each dot is its digit, so that none depends on colour. */
const colourOf = (digit: number, isDark: boolean): string =>
  `oklch(${isDark ? 0.76 : 0.52} 0.15 ${Math.round((360 * ((digit * 3) % CLASSES)) / CLASSES)})`;

export interface Numerals {
  readonly labels: ArrayLike<number>;
  /** Where the i-th stands, in device pixels. */
  place(i: number): readonly [x: number, y: number];
  readonly font: string;
  readonly isDark: boolean;
}

/** Digits of a plane of `size` device pixels, each a numeral in the colour of its class. */
export function drawNumerals(
  context: CanvasRenderingContext2D,
  size: number,
  { labels, place, font, isDark }: Numerals,
): void {
  context.font = `600 ${Math.max(10 * devicePixelRatio, size / 44)}px ${font}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let i = 0; i < labels.length; i++) {
    context.fillStyle = colourOf(labels[i]!, isDark);
    context.fillText(String(labels[i]), ...place(i));
  }
}

/** A place that is chosen, told apart from whatever is under it. */
export function drawRing(
  context: CanvasRenderingContext2D,
  size: number,
  [x, y]: readonly [x: number, y: number],
  style: CSSStyleDeclaration,
): void {
  for (const [width, colour] of [
    [size / 70, '--card'],
    [size / 160, '--accent'],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = style.getPropertyValue(colour);
    context.beginPath();
    context.arc(x, y, size / 36, 0, 2 * Math.PI);
    context.stroke();
  }
}
