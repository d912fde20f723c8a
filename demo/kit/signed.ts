/** With a true minus, so that columns of figures align. */
export const signed = (value: number, digits = 2): string =>
  value
    .toFixed(digits)
    .replace(/^-(?=0\.?0*$)/, '')
    .replace('-', '−');
