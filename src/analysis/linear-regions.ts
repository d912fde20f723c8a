import { ArgumentError } from '../graph/index.ts';
import { masked, preActivations, requireLayers, ROUNDING, type AffineLayer, type AffineMap } from './relu.ts';

/** An interval on which all outputs are linear functions of x. */
export interface LinearPiece {
  readonly from: number;
  readonly to: number;
  /** [outputs] */
  readonly slopes: Float64Array;
  /** [outputs]: the values at x are slopes · x + offsets. */
  readonly offsets: Float64Array;
}

/**
 * The linear pieces of a ReLU network of one input, exactly: where a hidden unit passes 0 it makes a joint, and a joint
 * counts when it changes the slope of any output. All outputs have their joints in the same places (notes 1.7). One hidden
 * layer of D units makes at most D + 1 pieces, K of them at most (D + 1)ᴷ (notes 1.6 and 1.7).
 *
 * @param layers from the input to the output, with ReLU between them; the first has one input
 * @param options `range` of x (default: all numbers)
 * @returns the pieces from left to right; neighbours differ in the slope of at least one output
 * @throws ArgumentError when a layer doesn't fit the one before it or holds a number that is not finite, and for an
 *   empty range
 */
export function linearPieces(
  layers: readonly AffineLayer[],
  { range: [low, high] = [-Infinity, Infinity] }: { range?: readonly [low: number, high: number] } = {},
): LinearPiece[] {
  requireLayers('linearPieces', layers, 1);
  if (!(low < high))
    throw new ArgumentError('linearPieces', 'a range [low, high] with low < high', [low, high]);
  let pieces: { from: number; to: number; map: AffineMap }[] = [
    { from: low, to: high, map: { slopes: Float64Array.of(1), offsets: Float64Array.of(0) } },
  ];
  for (const layer of layers.slice(0, -1)) {
    pieces = pieces.flatMap(({ from, to, map }) => {
      const z = preActivations(layer, map);
      const ends = [...rootsBetween(z, from, to), to];
      return ends.map((end, i) => {
        const start = ends[i - 1] ?? from;
        const x = pointBetween(start, end);
        const isOn = Array.from(z.offsets, (offset, j) => z.slopes[j]! * x + offset > 0);
        return { from: start, to: end, map: masked(z, isOn) };
      });
    });
  }
  const last = layers.at(-1)!;
  const merged: LinearPiece[] = [];
  let scale: Float64Array = new Float64Array(last.bias.length);
  for (const { from, to, map } of pieces) {
    const { slopes, offsets } = preActivations(last, map);
    const own = slopeScale(last, map);
    const before = merged.at(-1);
    const isSame = before?.slopes.every(
      (slope, o) => Math.abs(slope - slopes[o]!) <= ROUNDING * Math.max(scale[o]!, own[o]!),
    );
    if (before && isSame) merged[merged.length - 1] = { ...before, to };
    else merged.push({ from, to, slopes, offsets });
    scale = own;
  }
  return merged;
}

/** Where units pass 0 inside of an interval: ascending and distinct. */
function rootsBetween({ slopes, offsets }: AffineMap, from: number, to: number): number[] {
  const roots = Array.from(slopes, (slope, j) => 0 - offsets[j]! / slope)
    .filter((root) => root > from && root < to)
    .sort((a, b) => a - b);
  const isNew = (root: number, i: number) =>
    Math.min(root - (roots[i - 1] ?? from), to - root) > ROUNDING * Math.abs(root);
  return roots.filter(isNew);
}

function pointBetween(from: number, to: number): number {
  if (from === -Infinity) return to === Infinity ? 0 : to - 1 - Math.abs(to);
  return to === Infinity ? from + 1 + Math.abs(from) : (from + to) / 2;
}

/** What the slope of each output is the sum of, in size. */
function slopeScale({ weight, bias }: AffineLayer, { slopes }: AffineMap): Float64Array {
  return Float64Array.from(bias, (_, o) =>
    slopes.reduce((total, slope, i) => total + Math.abs(weight[o * slopes.length + i]! * slope), 0),
  );
}

type Point = readonly [s: number, t: number];

/** A convex polygon on which the same hidden units are on. */
export interface LinearRegion {
  /** Corners in order. */
  readonly polygon: readonly Point[];
  /** 0 or 1 for each hidden unit, layer after layer. */
  readonly pattern: string;
}

/** The part of the input space that `linearRegions` looks at: origin + s · u + t · v. */
export interface Plane {
  /** [inputs] */
  readonly origin: ArrayLike<number>;
  /** [inputs]: the directions of s and t. */
  readonly u: ArrayLike<number>;
  readonly v: ArrayLike<number>;
}

/**
 * The regions of a rectangle in the input space of a ReLU network on which the same hidden units are on, exactly: convex
 * polygons (notes 1.7), on each of which every output is a linear function. D units of one hidden layer make at most
 * Σ_{j ≤ 2} (D choose j) of them in a plane (Zaslavsky 1975).
 *
 * @param layers from the input to the output, with ReLU between them
 * @param options `s` and `t`: sides of the rectangle, both [−1, 1] by default; `plane` it lies in, needed unless the network
 *   has two inputs, which are s and t then
 * @throws ArgumentError when a layer doesn't fit the one before it or holds a number that is not finite, and for an
 *   empty rectangle
 */
export function linearRegions(
  layers: readonly AffineLayer[],
  {
    s = [-1, 1],
    t = [-1, 1],
    plane = { origin: [0, 0], u: [1, 0], v: [0, 1] },
  }: {
    s?: readonly [low: number, high: number];
    t?: readonly [low: number, high: number];
    plane?: Plane;
  } = {},
): LinearRegion[] {
  const { origin, u, v } = plane;
  if (u.length !== origin.length || v.length !== origin.length)
    throw new ArgumentError('linearRegions', 'origin, u and v of one length', [
      origin.length,
      u.length,
      v.length,
    ]);
  requireLayers('linearRegions', layers, origin.length);
  if (!(s[0] < s[1] && t[0] < t[1]) || ![...s, ...t].every(Number.isFinite))
    throw new ArgumentError('linearRegions', 'sides [low, high] with low < high', [s, t]);
  const corners: Point[] = [
    [s[0], t[0]],
    [s[1], t[0]],
    [s[1], t[1]],
    [s[0], t[1]],
  ];
  const slopes = Float64Array.from({ length: 2 * origin.length }, (_, i) => (i % 2 ? v : u)[i >> 1]!);
  let regions: (LinearRegion & { map: AffineMap })[] = [
    { polygon: corners, pattern: '', map: { slopes, offsets: Float64Array.from(origin) } },
  ];
  for (const layer of layers.slice(0, -1)) {
    regions = regions.flatMap(({ polygon, pattern, map }) => {
      const z = preActivations(layer, map);
      let parts = [{ polygon, isOn: [] as boolean[] }];
      for (let j = 0; j < z.offsets.length; j++) {
        const valueAt = ([x, y]: Point) => z.slopes[2 * j]! * x + z.slopes[2 * j + 1]! * y + z.offsets[j]!;
        parts = parts.flatMap((part) =>
          cutByLine(part.polygon, valueAt).map((side) => ({
            polygon: side.polygon,
            isOn: [...part.isOn, side.isPositive],
          })),
        );
      }
      return parts.map((part) => ({
        polygon: part.polygon,
        pattern: pattern + part.isOn.map(Number).join(''),
        map: masked(z, part.isOn),
      }));
    });
  }
  return regions.map(({ polygon, pattern }) => ({ polygon, pattern }));
}

/** The parts of a convex polygon where an affine function is positive and where it is not. */
function cutByLine(
  polygon: readonly Point[],
  valueAt: (point: Point) => number,
): { polygon: Point[]; isPositive: boolean }[] {
  const values = polygon.map(valueAt);
  const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  // a corner that lies on the line but for rounding belongs to both sides
  const sides = values.map((value) => (Math.abs(value) <= ROUNDING * largest ? 0 : Math.sign(value)));
  if (!sides.includes(1)) return [{ polygon: [...polygon], isPositive: false }];
  if (!sides.includes(-1)) return [{ polygon: [...polygon], isPositive: true }];
  const part = (sign: number) =>
    polygon.flatMap((corner, i): Point[] => {
      const next = (i + 1) % polygon.length;
      const kept = sides[i] !== -sign ? [corner] : [];
      if (sides[i]! * sides[next]! !== -1) return kept;
      const share = values[i]! / (values[i]! - values[next]!);
      const [from, to] = [corner, polygon[next]!];
      return [...kept, [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]];
    });
  return [
    { polygon: part(1), isPositive: true },
    { polygon: part(-1), isPositive: false },
  ];
}
