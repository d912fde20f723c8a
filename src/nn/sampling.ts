import { ArgumentError, type HostRandom } from '../graph/index.ts';

export interface SamplingOptions {
  /** Divides the logits; default 1. Towards 0 the likeliest token wins, and at 0 it does. */
  temperature?: number;
  /** Only the k likeliest tokens (Fan et al. 2018, section 5.4); default all. */
  topK?: number;
  /**
   * Only the likeliest tokens that together have probability `topP`, in (0, 1] (nucleus sampling; Holtzman et al. 2020,
   * section 3.1), among those that `topK` has left; default 1, all.
   */
  topP?: number;
}

/**
 * The distribution of the next token: softmax(logits / temperature) over the tokens that `topK` and then `topP` leave, the
 * others 0.
 *
 * @param logits [tokens], as read from a device; -Infinity excludes a token
 * @returns probabilities [tokens], which sum to 1
 * @throws ArgumentError for logits that are NaN or Infinity or all -Infinity, and for options outside their domain
 */
export function tokenProbabilities(
  logits: ArrayLike<number>,
  { temperature = 1, topK = logits.length, topP = 1 }: SamplingOptions = {},
): Float64Array {
  const op = 'tokenProbabilities';
  if (!(temperature >= 0)) throw new ArgumentError(op, 'a temperature of at least 0', temperature);
  if (!Number.isInteger(topK) || topK < 1) throw new ArgumentError(op, 'topK of at least 1', topK);
  if (!(topP > 0 && topP <= 1)) throw new ArgumentError(op, 'topP in (0, 1]', topP);
  const values = Array.from(logits);
  const bad = values.find((logit) => !(logit < Infinity));
  if (bad !== undefined) throw new ArgumentError(op, 'logits that are numbers below Infinity', String(bad));
  const tokens = values.map((_, token) => token).filter((token) => values[token]! > -Infinity);
  if (tokens.length === 0)
    throw new ArgumentError(op, 'at least one finite logit', `${values.length} others`);

  // Likeliest first; of equal ones the first.
  tokens.sort((a, b) => values[b]! - values[a]! || a - b);
  const kept = tokens.slice(0, temperature === 0 ? 1 : topK);
  const largest = values[kept[0]!]!;
  // Not by the quotient alone, which is 0 / 0 at temperature 0.
  const weights = kept.map((token) =>
    values[token] === largest ? 1 : Math.exp((values[token]! - largest) / temperature),
  );
  const total = weights.reduce((a, b) => a + b, 0);
  let count = 0;
  let covered = 0;
  while (count < kept.length && (count === 0 || covered < topP * total)) covered += weights[count++]!;
  const probabilities = new Float64Array(values.length);
  for (let i = 0; i < count; i++) probabilities[kept[i]!] = weights[i]! / covered;
  return probabilities;
}

/**
 * Draw the next token from `tokenProbabilities(logits, options)`.
 *
 * @param logits [tokens], as read from a device
 * @param random moves on by one number
 * @returns its index
 * @throws ArgumentError, see `tokenProbabilities`
 */
export function sampleToken(
  logits: ArrayLike<number>,
  random: HostRandom,
  options: SamplingOptions = {},
): number {
  const probabilities = tokenProbabilities(logits, options);
  let left = random.uniform();
  let last = 0;
  for (let token = 0; token < probabilities.length; token++) {
    if (probabilities[token] === 0) continue;
    last = token;
    left -= probabilities[token]!;
    if (left < 0) break;
  }
  return last; // rounding may leave a rest beyond the last one
}
