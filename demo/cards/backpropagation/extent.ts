/** The four examples. */
export const INPUTS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;
/** Neurons of each layer, the inputs among them. */
export const SIZES = [2, 3, 2, 1] as const;
/** L: the output's layer. */
export const LAST = SIZES.length - 1;
