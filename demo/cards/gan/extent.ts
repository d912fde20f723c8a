// Shared by the worker and the page.

/** Samples that the page shows, each of the same noise all the time. */
export const SAMPLES = 30;
/** The first so many of them are kept as they were. */
export const KEPT = 12;
