// Shared by the worker and the page.

/** The plane is [−REACH, REACH]²: 99.7 % of N(0, 1) on each axis. */
export const REACH = 3;
/** Decoded digits along each side of the plane. */
export const TILES = 15;
/** Held-out digits beside their reconstructions. */
export const SAMPLES = 12;
