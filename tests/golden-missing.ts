/**
 * Golden cases whose operation or setting the library does not have yet, by id. `npm test` fails on a missing
 * case that is not here, and on one that is here and no longer missing.
 */
export const goldenMissing: ReadonlySet<string> = new Set([]);
