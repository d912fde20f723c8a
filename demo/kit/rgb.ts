export type Rgb = readonly [r: number, g: number, b: number];

/** @param hex like #3a3fd0 */
export function toRgb(hex: string): Rgb {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
}
