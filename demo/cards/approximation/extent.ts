/** Places on a curve: so many values of y, spread evenly over x in [−1, 1]. */
export const PLACES = 121;
