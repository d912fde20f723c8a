import { HostRandom } from 'chainrule';
import type { Digits } from './mnist.ts';

export const CLASSES = 10;
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

/** A digit of 28×28 values in [0, 1], row by row: ink is 1, paper 0. */
export type Pixels = Float32Array;

/** Images [n, 28, 28] of some digits, in [0, 1]. */
export function toFloats({ images }: Digits, rows: readonly number[]): Float32Array {
  const floats = new Float32Array(rows.length * PIXELS);
  for (const [i, row] of rows.entries()) {
    for (let p = 0; p < PIXELS; p++) floats[i * PIXELS + p] = images[row * PIXELS + p]! / 255;
  }
  return floats;
}

/** `count` digits spread evenly over a set: the first half of the held-out digits is the easier one. */
export function spread({ labels }: Digits, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * labels.length) / count));
}

/** Some of the digits, in the order of `rows`. */
export function subset({ images, labels }: Digits, rows: ArrayLike<number>): Digits {
  const some = new Uint8Array(rows.length * PIXELS);
  for (const [i, row] of Array.from(rows).entries())
    some.set(images.subarray(row * PIXELS, (row + 1) * PIXELS), i * PIXELS);
  return { images: some, labels: Uint8Array.from(rows, (row) => labels[row]!) };
}

/** Batches of digits: every one once in random order, then all again in another order. */
export class Batches {
  readonly #digits: Digits;
  readonly #order: Iterator<number>;

  constructor(digits: Digits, seed: number) {
    this.#digits = digits;
    this.#order = shuffled(digits.labels.length, seed);
  }

  next(size: number): { x: Float32Array; y: Int32Array } {
    const rows = Array.from({ length: size }, () => this.#order.next().value as number);
    return {
      x: toFloats(this.#digits, rows),
      y: Int32Array.from(rows, (row) => this.#digits.labels[row]!),
    };
  }
}

function* shuffled(count: number, seed: number): Generator<number> {
  for (let epoch = 0; ; epoch++) yield* new HostRandom(seed, `epoch ${epoch}`).permutation(count);
}
