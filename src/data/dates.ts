import { ArgumentError, HostRandom } from '../graph/index.ts';

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MS_PER_DAY = 86_400_000;

/** Two digits of a year mean 1969 to 2068, as in POSIX. */
const [FIRST_YEAR, LAST_YEAR] = [1969, 2068];

/** The parts of a day that its written forms are made of. */
interface Day {
  readonly y: number;
  readonly m: number;
  readonly d: number;
  /** Names in full. */
  readonly month: string;
  readonly weekday: string;
}

const two = (n: number): string => String(n).padStart(2, '0');
const short = (name: string): string => name.slice(0, 3);
const lastTwo = ({ y }: Day): string => two(y % 100);
/** `3rd` */
const ordinal = ({ d }: Day): string => {
  const suffix = d > 10 && d < 20 ? 'th' : (['th', 'st', 'nd', 'rd'][d % 10] ?? 'th');
  return `${d}${suffix}`;
};

/**
 * How people write a day. Each form has one reading: names of months and weekdays are English; numbers with points go
 * from day to year, numbers that begin with the year to the day. The last forms have slashes, which some read with the
 * month and some with the day first: only days where both readings agree, or only one exists, are written so.
 */
const FORMS: readonly ((day: Day) => string)[] = [
  ({ y, m, d }) => `${y}-${two(m)}-${two(d)}`,
  ({ y, m, d }) => `${y}/${two(m)}/${two(d)}`,
  ({ y, m, d }) => `${y}${two(m)}${two(d)}`,
  ({ y, m, d }) => `${d}.${m}.${y}`,
  ({ y, m, d }) => `${two(d)}.${two(m)}.${y}`,
  (day) => `${day.d}.${day.m}.${lastTwo(day)}`,
  ({ y, d, month }) => `${d} ${month} ${y}`,
  ({ y, d, month }) => `${d} ${short(month)} ${y}`,
  ({ y, d, month }) => `${two(d)}-${short(month)}-${y}`,
  (day) => `${day.d} ${short(day.month)} '${lastTwo(day)}`,
  ({ y, d, month }) => `${month} ${d}, ${y}`,
  (day) => `${short(day.month)} ${ordinal(day)}, ${day.y}`,
  (day) => `${ordinal(day)} of ${day.month} ${day.y}`,
  (day) => `the ${ordinal(day)} of ${day.month}, ${day.y}`,
  ({ y, d, month }) => `${d} ${month.toLowerCase()} ${y}`,
  ({ y, d, month }) => `${short(month).toUpperCase()} ${d} ${y}`,
  ({ y, d, month, weekday }) => `${weekday}, ${d} ${month} ${y}`,
  ({ y, d, month, weekday }) => `${short(weekday)} ${d} ${short(month)} ${y}`,
  (day) => `${day.weekday}, ${day.month} ${ordinal(day)}, ${day.y}`,
];
const SLASHED: readonly ((day: Day) => string)[] = [
  ({ y, m, d }) => `${d}/${m}/${y}`,
  ({ y, m, d }) => `${m}/${d}/${y}`,
  (day) => `${two(day.d)}/${two(day.m)}/${lastTwo(day)}`,
  (day) => `${two(day.m)}/${two(day.d)}/${lastTwo(day)}`,
];

/**
 * Every form of a day that leaves no doubt.
 *
 * @param day days since 1970-01-01
 */
export function writtenForms(day: number): { iso: string; written: readonly string[] } {
  const date = new Date(day * MS_PER_DAY);
  const [y, m, d] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const parts: Day = { y, m, d, month: MONTHS[m - 1]!, weekday: WEEKDAYS[date.getUTCDay()]! };
  const forms = d === m || d > 12 ? [...FORMS, ...SLASHED] : FORMS;
  return { iso: date.toISOString().slice(0, 10), written: forms.map((form) => form(parts)) };
}

/** Dates as people write them, and the same days as `YYYY-MM-DD` (ISO 8601): index i of both belongs together. */
export interface DatePairs {
  readonly written: readonly string[];
  readonly iso: readonly string[];
}

/** One day in so many is kept for held-out pairs. */
const HELD_OUT_DAYS = 10;

/**
 * Days in many written forms, from `3 March 2021` and `Wed 3 Mar 2021` to `3.3.21` and `20210303`, for a model that
 * translates them. Days are drawn with replacement from 1969 to 2068, and forms from those that leave no doubt.
 *
 * @param options `train` and `heldOut` are numbers of pairs. No day of one occurs in the other: `heldOut` takes its
 *   from a random tenth of the days, `train` from the others.
 * @throws ArgumentError unless the numbers are positive integers
 */
export function writtenDates({ train, heldOut, seed }: { train: number; heldOut: number; seed: number }): {
  train: DatePairs;
  heldOut: DatePairs;
} {
  for (const [name, value] of Object.entries({ train, heldOut }))
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError('writtenDates', `${name} to be a positive integer`, value);
  const random = new HostRandom(seed, 'written dates');
  const [first, end] = [FIRST_YEAR, LAST_YEAR + 1].map((year) => Date.UTC(year, 0, 1) / MS_PER_DAY) as [
    number,
    number,
  ];
  const days = Int32Array.from(random.permutation(end - first), (day) => first + day);
  const cut = Math.floor(days.length / HELD_OUT_DAYS);
  const pick = <T>(from: ArrayLike<T>): T => from[Math.floor(random.uniform() * from.length)]!;
  const pairs = (count: number, from: Int32Array): DatePairs => {
    const drawn = Array.from({ length: count }, () => {
      const { iso, written } = writtenForms(pick(from));
      return { iso, written: pick(written) };
    });
    return { written: drawn.map(({ written }) => written), iso: drawn.map(({ iso }) => iso) };
  };
  return { train: pairs(train, days.subarray(cut)), heldOut: pairs(heldOut, days.subarray(0, cut)) };
}
