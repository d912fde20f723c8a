/** Data did not arrive. */
export class DataError extends Error {}
