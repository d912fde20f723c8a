// Shared by the worker and the page.

/** Held-out digits with what comes back of them. */
export const SAMPLES = 12;
