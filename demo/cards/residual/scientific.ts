const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 10 to a whole power. */
export const powerOfTen = (power: number): string =>
  `10${power < 0 ? '⁻' : ''}${String(Math.abs(power)).replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)]!)}`;

/** Two digits, and a power of ten where zeros would have to be counted; a dash for what is not finite. */
export function scientific(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0 || (value >= 0.01 && value < 1e4)) return Number(value.toPrecision(2)).toLocaleString('en');
  const [digits, power] = value.toExponential(1).split('e');
  return `${digits}·${powerOfTen(Number(power))}`;
}
