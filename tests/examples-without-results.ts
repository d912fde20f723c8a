/**
 * Families whose full form has not been run with all three seeds, or not since their code has changed: their claims are
 * tested in the short form only. A test fails when one of them has results, so that this list can only shrink.
 */
export const withoutResults: ReadonlySet<string> = new Set(['decoder-lm']);
