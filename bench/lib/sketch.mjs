// @ts-check
// Comparing arrays that live in different pages by a few numbers each.

/** @typedef {{ norm: number, sums: number[] }} Sketch */

const SUMS = 16;

/**
 * Sums of the elements under 16 fixed pseudo-random signs, and the Euclidean norm. The mean square
 * difference of two sketches' sums estimates the squared distance of the arrays (Alon, Matias, Szegedy
 * 1996), so unlike a plain sum it sees two elements swapped.
 *
 * @param {ArrayLike<number>} values
 * @returns {Sketch}
 */
export function sketch(values) {
  const sums = Array.from({ length: SUMS }, () => 0);
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    const signs = hash(i);
    squares += value * value;
    for (let j = 0; j < SUMS; j++) sums[j] = (sums[j] ?? NaN) + ((signs >>> j) & 1 ? value : -value);
  }
  return { norm: Math.sqrt(squares), sums };
}

/** Estimated Euclidean distance of two arrays; NaN when either holds a NaN. */
export function distanceOf(/** @type {Sketch} */ a, /** @type {Sketch} */ b) {
  const squares = a.sums.map((sum, j) => (sum - (b.sums[j] ?? NaN)) ** 2);
  return Math.sqrt(squares.reduce((total, square) => total + square, 0) / SUMS);
}

/** 32 well mixed bits of an index (Murmur3's finaliser). */
function hash(/** @type {number} */ index) {
  let h = index + 0x9e3779b9;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
