import { ArgumentError, formatShape, type Shape } from '../graph/index.ts';

/** One axis of `shape` as a number from 0; negative axes count from the end. */
export function normalizeAxis(op: string, axis: number, shape: Shape): number {
  const positive = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(positive) || positive < 0 || positive >= shape.length) {
    throw new ArgumentError(op, `an axis of ${formatShape(shape)}`, axis);
  }
  return positive;
}

/** Axes sorted and without negative numbers; `undefined` means all of them. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | undefined,
  shape: Shape,
): number[] {
  if (axes === undefined) return shape.map((_, axis) => axis);
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(op, axis, shape));
  if (new Set(list).size !== list.length) throw new ArgumentError(op, 'each axis once', axes);
  return list.sort((a, b) => a - b);
}

/** A copy of a shape that a user gave. @throws ArgumentError unless its sizes are whole numbers */
export function requireSizes(op: string, shape: Shape): number[] {
  if (!shape.every((size) => Number.isInteger(size) && size >= 0))
    throw new ArgumentError(op, 'sizes that are whole numbers', formatShape(shape));
  return [...shape];
}

/** A pair [vertical, horizontal] from one number or a pair of integers ≥ `least`. */
export function pairOf(
  op: string,
  what: string,
  value: number | readonly [number, number],
  least: number,
): [number, number] {
  const pair: [number, number] = typeof value === 'number' ? [value, value] : [value[0], value[1]];
  if (!pair.every((n) => Number.isInteger(n) && n >= least))
    throw new ArgumentError(op, `${what} of integers >= ${least}`, value);
  return pair;
}
