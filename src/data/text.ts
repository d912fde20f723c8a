import { ArgumentError } from '../graph/index.ts';
import { cuts, Dataset } from './dataset.ts';
import { DataFormatError } from './errors.ts';

/**
 * The text of a UTF-8 file; a byte order mark is left out.
 *
 * @throws DataFormatError for an empty file, and for bytes that are not UTF-8, such as of a file cut off inside of a
 *   character
 */
export function parseText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DataFormatError('parseText', 'UTF-8', 'other bytes');
  }
  if (text === '') throw new DataFormatError('parseText', 'text', 'an empty file');
  return text;
}

/**
 * Numbers for characters, and for special tokens that stand for no text (padding, start, end). Ids count from 0: special
 * tokens in their order, then the characters sorted by code point.
 */
export class CharVocabulary {
  /** The token of each id. */
  readonly tokens: readonly string[];
  readonly #special: number;
  readonly #ids: ReadonlyMap<string, number>;

  /**
   * @param text every character (Unicode code point) that can occur
   * @param special names such as `<end>`
   * @throws ArgumentError for no characters, and for special tokens that are single characters or not distinct
   */
  constructor(text: string, special: readonly string[] = []) {
    const characters = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
    if (characters.length === 0) throw new ArgumentError('CharVocabulary', 'at least one character', 'none');
    if (special.some((name) => Array.from(name).length < 2) || new Set(special).size !== special.length)
      throw new ArgumentError('CharVocabulary', 'distinct special tokens of several characters', special);
    this.tokens = [...special, ...characters];
    this.#special = special.length;
    this.#ids = new Map(this.tokens.map((token, id) => [token, id]));
  }

  /** Number of ids. */
  get size(): number {
    return this.tokens.length;
  }

  /** The id of a character or a special token. @throws ArgumentError for another one */
  id(token: string): number {
    const id = this.#ids.get(token);
    if (id === undefined)
      throw new ArgumentError('CharVocabulary', `one of ${this.size} known tokens`, JSON.stringify(token));
    return id;
  }

  /** One id per character. @throws ArgumentError for a character that the vocabulary lacks */
  encode(text: string): Int32Array<ArrayBuffer> {
    return Int32Array.from(text, (character) => this.id(character));
  }

  /** The characters of ids; special tokens are left out. @throws ArgumentError for an id outside of 0 … size − 1 */
  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => {
      const token = this.tokens[id];
      if (token === undefined) throw new ArgumentError('decode', `ids from 0 to ${this.size - 1}`, id);
      return id < this.#special ? '' : token;
    }).join('');
  }
}

/**
 * Sequences of different lengths as rows of one length.
 *
 * @param sequences n lists of ids
 * @param options `value` fills up after the end of a sequence; `length` of a row defaults to that of the longest
 * @returns `ids` [n, length], and the `lengths` [n] without filling
 * @throws ArgumentError for no sequences, and for one that is longer than `length`: nothing is cut off
 */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  { value, length }: { value: number; length?: number },
): { ids: Int32Array<ArrayBuffer>; lengths: Int32Array<ArrayBuffer>; length: number } {
  const lengths = Int32Array.from(sequences, (sequence) => sequence.length);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  const width = length ?? longest;
  if (longest === 0) throw new ArgumentError('padSequences', 'at least one element', 'none');
  if (longest > width) throw new ArgumentError('padSequences', `sequences of at most ${width}`, longest);
  const ids = new Int32Array(sequences.length * width).fill(value);
  sequences.forEach((sequence, row) => ids.set(sequence, row * width));
  return { ids, lengths, length: width };
}

/**
 * Contiguous parts of a sequence, such as `splitSequence(tokens, [0.9, 0.1])` for training and held-out text. Text is not
 * shuffled before it is cut, or else the parts would share their sentences.
 *
 * @param fractions positive, with the sum 1
 * @returns one view per fraction, in order
 * @throws ArgumentError for other fractions, and for a part without elements
 */
export function splitSequence<const F extends readonly number[]>(
  tokens: Int32Array<ArrayBuffer>,
  fractions: F,
): { readonly [I in keyof F]: Int32Array<ArrayBuffer> } {
  const parts = cuts('splitSequence', tokens.length, fractions).map(([from, to]) =>
    tokens.subarray(from, to),
  );
  return parts as unknown as { readonly [I in keyof F]: Int32Array<ArrayBuffer> };
}

/**
 * Training samples of a language model: `length` tokens, and the token that follows each of them.
 *
 * @param tokens [n]
 * @param options windows start every `stride` tokens; by default every `length`, so that each token is predicted once,
 *   with a smaller stride they overlap. A rest shorter than a window is left out.
 * @returns x [length] and y [length] for each of ⌊(n − 1 − length) / stride⌋ + 1 windows; y is x one token later
 * @throws ArgumentError unless length and stride are positive integers and n > length
 */
export function windows(
  tokens: Int32Array,
  { length, stride = length }: { length: number; stride?: number },
): Dataset<{ x: Int32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> }> {
  for (const [name, value] of Object.entries({ length, stride }))
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError('windows', `${name} to be a positive integer`, value);
  if (tokens.length <= length)
    throw new ArgumentError('windows', `more than ${length} tokens`, tokens.length);
  const count = Math.floor((tokens.length - 1 - length) / stride) + 1;
  const [x, y] = [new Int32Array(count * length), new Int32Array(count * length)];
  for (let i = 0; i < count; i++) {
    x.set(tokens.subarray(i * stride, i * stride + length), i * length);
    y.set(tokens.subarray(i * stride + 1, i * stride + length + 1), i * length);
  }
  return new Dataset({ x, y }, { x: [length], y: [length] });
}
