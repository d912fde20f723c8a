import { data } from 'chainrule';

/** Ids of what is not a character: CharVocabulary puts special tokens first. */
export const [PADDING, START, END] = [0, 1, 2] as const;
/** MMMDCCCLXXXVIII has T characters; S holds four digits and the end. */
export const [T, S] = [15, 5] as const;

const SYMBOLS: readonly (readonly [string, number])[] = [
  ['M', 1000],
  ['CM', 900],
  ['D', 500],
  ['CD', 400],
  ['C', 100],
  ['XC', 90],
  ['L', 50],
  ['XL', 40],
  ['X', 10],
  ['IX', 9],
  ['V', 5],
  ['IV', 4],
  ['I', 1],
];

/** 1994 → MCMXCIV. */
function roman(n: number): string {
  const fits = SYMBOLS.find(([, value]) => value <= n);
  return fits ? fits[0] + roman(n - fits[1]) : '';
}

/** One for each row of the numeral x and the number y. */
export type NumeralPairs = data.Dataset<{ x: Int32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> }>;

/** Roman numerals from 1 to 3999 as x [T], and the same in digits with an end after them as y [S]; a random tenth is held out. */
export class Numerals {
  readonly characters: data.CharVocabulary;
  readonly train: NumeralPairs;
  readonly heldOut: NumeralPairs;

  constructor(seed: number) {
    this.characters = new data.CharVocabulary('MDCLXVI0123456789', ['<padding>', '<start>', '<end>']);
    const numbers = Array.from({ length: 3999 }, (_, i) => i + 1);
    const x = numbers.map((n) => this.characters.encode(roman(n)));
    const y = numbers.map((n) => [...this.characters.encode(String(n)), END]);
    const rows = {
      x: data.padSequences(x, { value: PADDING, length: T }).ids,
      y: data.padSequences(y, { value: PADDING, length: S }).ids,
    };
    [this.train, this.heldOut] = new data.Dataset(rows, { x: [T], y: [S] }).split([0.9, 0.1], { seed });
  }

  /** Rows of `length` ids as texts. */
  decode(ids: Float32Array | Int32Array, length: number): string[] {
    return Array.from({ length: ids.length / length }, (_, i) =>
      this.characters.decode(ids.subarray(i * length, (i + 1) * length)),
    );
  }
}
