/** Points of the plane, and their classes, 0 or 1. */
export interface Points {
  /** [n, 2] */
  readonly x: Float32Array;
  readonly y: Int32Array;
}

/** The middles of side × side cells of [−1, 1]², row by row from the top left. */
export function gridPoints(side: number): Float32Array {
  const x = new Float32Array(2 * side * side);
  for (let i = 0; i < side * side; i++) {
    x[2 * i] = (2 * ((i % side) + 0.5)) / side - 1;
    x[2 * i + 1] = 1 - (2 * (Math.floor(i / side) + 0.5)) / side;
  }
  return x;
}
