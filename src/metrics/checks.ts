import { ArgumentError } from '../graph/index.ts';

/** Rows of a matrix [rows, columns] in C order. @throws ArgumentError for fewer than `least`, or a part of one */
export function rowsOf(
  op: string,
  values: ArrayLike<number>,
  columns: number,
  what: string,
  least = 1,
): number {
  if (!Number.isInteger(columns) || columns < 1)
    throw new ArgumentError(op, `a positive whole number of ${what}`, columns);
  const rows = values.length / columns;
  if (!Number.isInteger(rows) || rows < least)
    throw new ArgumentError(op, `at least ${least} rows of ${columns} ${what}`, `${values.length} elements`);
  return rows;
}

/** @throws ArgumentError naming the first element that is NaN or infinite */
export function requireFinite(op: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new ArgumentError(op, 'finite numbers', `${values[i]} at element ${i}`);
}

/** @throws ArgumentError naming the first element that is not a class, 0 … classes − 1 */
export function requireClasses(op: string, values: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isInteger(value) || value < 0 || value >= classes)
      throw new ArgumentError(op, `classes 0 to ${classes - 1}`, `${value} at element ${i}`);
  }
}
