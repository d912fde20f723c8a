// Shared by the worker and the page.

/** So many labels each pair of classifiers has. */
export const LABELS = [50, 100, 500, 1000] as const;
/** Held-out digits with what comes back of them. */
export const SAMPLES = 12;
