// @ts-check
// Do the libraries compute the same thing?
import { distanceOf } from './sketch.mjs';

/** @typedef {import('./sketch.mjs').Sketch} Sketch */

/** Libraries sum in different orders. */
const LOSS_TOLERANCE = 1e-3;
const OUTPUT_TOLERANCE = 1e-4;
/**
 * Of the change of all parameters together, after two steps and after all of them (measured between chainrule and
 * jax-js over 10 steps: at most 6e-5; a learning rate that is 1 % off: 1e-2 at once).
 */
const CHANGE_TOLERANCE = 1e-3;

/** The first of these in a run is what the others are compared with. */
const REFERENCES = ['jax-js', 'tfjs-webgpu'];

/**
 * Adds to each library's row how far its results are from the reference's: `lossDifference` (largest
 * relative difference of a loss), `changeDifference` (distance of the parameters' changes after two and after
 * all steps, or of a forward workload's outputs, relative to their norm), `farthest` (the parameter whose own
 * change differs most in the end, and how much), and `disagrees`, a message, when one is beyond its tolerance.
 *
 * @param {import('./types.ts').Workload | undefined} spec
 * @param {Record<string, Record<string, any>>} rows by library
 */
export function compareResults(spec, rows) {
  const verified = Object.keys(rows).filter((library) => rows[library]?.sketches);
  const reference = REFERENCES.find((library) => verified.includes(library)) ?? verified[0];
  const expected = rows[reference ?? ''];
  if (!reference || !expected) return;
  const [earlyTolerance, lateTolerance] =
    spec?.kind === 'forward' ? [OUTPUT_TOLERANCE, OUTPUT_TOLERANCE] : [CHANGE_TOLERANCE, CHANGE_TOLERANCE];
  const names = Object.keys(expected['sketches'].late).filter((name) => !spec?.undetermined?.includes(name));
  for (const library of verified.filter((name) => name !== reference)) {
    const row = /** @type {Record<string, any>} */ (rows[library]);
    const loss = lossDifference(row['verify'], expected['verify']);
    const early = compareSketches(names, row['sketches'].early, expected['sketches'].early);
    const late = compareSketches(names, row['sketches'].late, expected['sketches'].late);
    const messages = [];
    if (!(loss <= LOSS_TOLERANCE)) messages.push(`losses differ by ${loss.toExponential(1)}`);
    for (const [{ total, farthest }, tolerance, when] of /** @type {const} */ ([
      [early, earlyTolerance, 'early'],
      [late, lateTolerance, 'in the end'],
    ]))
      if (!(total <= tolerance))
        messages.push(`results differ by ${total.toExponential(1)} ${when}, ${farthest} most`);
    Object.assign(row, {
      comparedWith: reference,
      lossDifference: loss,
      changeDifference: [early.total, late.total],
      farthest: late.farthest,
    });
    if (messages.length > 0) row['disagrees'] = `${library} and ${reference}: ${messages.join('; ')}`;
  }
}

/** Largest relative difference of two runs' losses; NaN when one is NaN. @type {(a: number[], b: number[]) => number} */
function lossDifference(a, b) {
  const differences = a.map((loss, i) => {
    const expected = b[i] ?? NaN;
    return loss === expected ? 0 : Math.abs(loss - expected) / Math.abs(expected);
  });
  return largest(differences);
}

/**
 * @param {string[]} names
 * @param {Record<string, Sketch>} ours
 * @param {Record<string, Sketch>} theirs
 */
function compareSketches(names, ours, theirs) {
  const differences = names.map((name) => {
    const [a, b] = [ours[name], theirs[name]];
    const [distance, norm] = a && b ? [distanceOf(a, b), b.norm] : [NaN, NaN];
    return { name, distance, norm, relative: distance === 0 ? 0 : distance / norm };
  });
  const worst = differences.reduce((a, b) => (b.relative <= a.relative ? a : b)); // a NaN is the worst
  const [distance, norm] = [differences.map((d) => d.distance), differences.map((d) => d.norm)];
  return {
    total: distance.every((d) => d === 0) ? 0 : Math.hypot(...distance) / Math.hypot(...norm),
    farthest: `${worst.name} ${worst.relative.toExponential(1)}`,
  };
}

/** Like Math.max, which also gives NaN when there is one. @param {number[]} values */
const largest = (values) => Math.max(0, ...values);
