/** What is added to each count; the best on the training text is taken. */
const SMOOTHINGS = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];

/**
 * The yardstick of a language model: p(c | a b) = (n(a b c) + k) / (n(a b) + k V), where n counts in the training text
 * (Chen and Goodman 1999, section 2.1). k is the one that predicts the training text best when each of its trigrams is
 * left out of the counts that predict it.
 *
 * @param size V, the number of different tokens
 */
export class Trigram {
  readonly k: number;
  readonly #size: number;
  readonly #triples: Float64Array;
  readonly #pairs: Float64Array;

  constructor(tokens: ArrayLike<number>, size: number) {
    this.#size = size;
    this.#triples = new Float64Array(size ** 3);
    this.#pairs = new Float64Array(size ** 2);
    for (let i = 2; i < tokens.length; i++) {
      const { pair, triple } = this.#at(tokens, i);
      this.#pairs[pair]!++;
      this.#triples[triple]!++;
    }
    const leftOut = SMOOTHINGS.map((k) => this.#perplexity(tokens, k, 1));
    this.k = SMOOTHINGS[leftOut.indexOf(Math.min(...leftOut))]!;
  }

  /** exp(mean −log p) over all tokens but the first two. */
  perplexity(tokens: ArrayLike<number>): number {
    return this.#perplexity(tokens, this.k, 0);
  }

  /** @param own how often the predicted trigram itself has been counted */
  #perplexity(tokens: ArrayLike<number>, k: number, own: 0 | 1): number {
    let sum = 0;
    for (let i = 2; i < tokens.length; i++) {
      const { pair, triple } = this.#at(tokens, i);
      sum -= Math.log((this.#triples[triple]! - own + k) / (this.#pairs[pair]! - own + k * this.#size));
    }
    return Math.exp(sum / (tokens.length - 2));
  }

  /** Where the two tokens before token i are counted, and those with token i. */
  #at(tokens: ArrayLike<number>, i: number): { pair: number; triple: number } {
    const pair = tokens[i - 2]! * this.#size + tokens[i - 1]!;
    return { pair, triple: pair * this.#size + tokens[i]! };
  }
}
