/** The longest written date is like `Wednesday, September 30th, 2020`. */
export const WRITTEN = 31;
/** Dates in ISO 8601 are like `2020-09-30`. */
export const ISO = 10;
/** Held-out dates that the page shows. */
export const SAMPLES = 8;
