import { ArgumentError, sameShape, ShapeError, Tensor, type Shape } from '../graph/index.ts';
import { crossEntropy } from '../nn/index.ts';
import {
  add,
  broadcast,
  cast,
  div,
  eq,
  exp,
  ge,
  gt,
  iota,
  le,
  mul,
  ne,
  oneHot,
  reshape,
  sum,
  where,
  and,
} from '../ops/index.ts';
import { requireClasses, requireFinite, rowsOf } from './checks.ts';

export interface AccuracyOptions {
  /** A row is right when its label is among this many largest scores. Default 1. */
  topK?: number;
  /** Positions with this label do not count. */
  ignoreIndex?: number;
}

/**
 * Share of rows whose label is among the `topK` largest scores; of equal scores the one of the lower class is
 * taken first, as by `argmax`. A NaN score at the label is never right.
 *
 * Inside a step it is a tensor; on the host a number, where positions are rows of `scores.length / labels.length`
 * scores.
 *
 * @param scores [..., classes]: logits or probabilities
 * @param labels [...] class indices (i32)
 * @returns in [0, 1]; inside a step a scalar, which is NaN when every position is ignored
 * @throws ShapeError when labels do not fit the scores or there are none, ArgumentError for a `topK` outside 1 … classes,
 *   and on the host also for no labels, labels that are no class, and scores that are not finite
 */
export function accuracy(scores: Tensor, labels: Tensor, options?: AccuracyOptions): Tensor;
export function accuracy(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  options?: AccuracyOptions,
): number;
export function accuracy(
  scores: Tensor | ArrayLike<number>,
  labels: Tensor | ArrayLike<number>,
  { topK = 1, ignoreIndex }: AccuracyOptions = {},
): Tensor | number {
  return scores instanceof Tensor
    ? tensorAccuracy(scores, labels as Tensor, topK, ignoreIndex)
    : hostAccuracy(scores, labels as ArrayLike<number>, topK, ignoreIndex);
}

function tensorAccuracy(
  scores: Tensor,
  labels: Tensor,
  topK: number,
  ignoreIndex: number | undefined,
): Tensor {
  const classes = requirePositions('accuracy', scores.shape, labels.shape);
  requireTopK(topK, classes);
  const asColumn = (x: Tensor) => broadcast(reshape(x, [...x.shape, 1]), scores.shape);
  const own = asColumn(sum(where(oneHot(labels, classes), scores, 0), { axes: -1 }));
  const index = iota(scores.shape, scores.rank - 1, labels.dtype);
  // what the label's score comes before, itself included: of equal ones those of higher classes
  const beaten = add(
    cast(gt(own, scores), 'f32'),
    cast(and(eq(own, scores), le(asColumn(labels), index)), 'f32'),
  );
  const right = cast(ge(sum(beaten, { axes: -1 }), classes - topK + 1), 'f32');
  if (ignoreIndex === undefined) return mul(sum(right), 1 / labels.size);
  const counted = cast(ne(labels, ignoreIndex), 'f32');
  return div(sum(mul(right, counted)), sum(counted));
}

function hostAccuracy(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  topK: number,
  ignoreIndex: number | undefined,
): number {
  const { classes, positions } = requireRows('accuracy', scores, labels, ignoreIndex);
  requireTopK(topK, classes);
  let right = 0;
  for (const position of positions) {
    const [label, start] = [labels[position]!, position * classes];
    let before = 0;
    for (let c = 0; c < classes; c++) {
      const [score, own] = [scores[start + c]!, scores[start + label]!];
      if (score > own || (score === own && c < label)) before++;
    }
    if (before < topK) right++;
  }
  return right / positions.length;
}

export interface PerplexityOptions {
  /** Positions with this target do not count. */
  ignoreIndex?: number;
}

/**
 * exp(mean over positions of −log softmax(logits) at the target): e to the power of the cross-entropy in nats.
 *
 * Inside a step it is a tensor; on the host a number, computed in float64, where positions are rows of
 * `logits.length / targets.length` logits. To combine batches, average the cross-entropy and take `exp` once.
 *
 * @param logits [..., classes]
 * @param targets [...] class indices (i32)
 * @returns at least 1; inside a step a scalar, which is 1 when every position is ignored, as the cross-entropy is 0 then
 * @throws ShapeError when targets do not fit the logits or there are none, and on the host ArgumentError for no targets,
 *   targets that are no class, and logits that are not finite
 */
export function perplexity(logits: Tensor, targets: Tensor, options?: PerplexityOptions): Tensor;
export function perplexity(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  options?: PerplexityOptions,
): number;
export function perplexity(
  logits: Tensor | ArrayLike<number>,
  targets: Tensor | ArrayLike<number>,
  options: PerplexityOptions = {},
): Tensor | number {
  if (logits instanceof Tensor) {
    requirePositions('perplexity', logits.shape, (targets as Tensor).shape);
    return exp(crossEntropy(logits, targets as Tensor, options));
  }
  const labels = targets as ArrayLike<number>;
  const { classes, positions } = requireRows('perplexity', logits, labels, options.ignoreIndex);
  let total = 0;
  for (const position of positions) {
    const start = position * classes;
    let largest = -Infinity;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[start + c]!);
    let normaliser = 0;
    for (let c = 0; c < classes; c++) normaliser += Math.exp(logits[start + c]! - largest);
    total += Math.log(normaliser) + largest - logits[start + labels[position]!]!;
  }
  return Math.exp(total / positions.length);
}

/**
 * Counts of (true class, predicted class) over any number of batches, and the figures that follow from them.
 * A share of nothing (the precision of a class that was never predicted) is 0.
 */
export class ConfusionMatrix {
  readonly classes: number;
  /** [classes, classes] in C order: row = true class, column = predicted class. */
  readonly counts: Float64Array;

  /** @throws ArgumentError unless `classes` is a positive whole number */
  constructor(classes: number) {
    if (!Number.isInteger(classes) || classes < 1)
      throw new ArgumentError('ConfusionMatrix', 'a positive whole number of classes', classes);
    this.classes = classes;
    this.counts = new Float64Array(classes * classes);
  }

  /**
   * Count a batch.
   *
   * @param predicted [n] classes, such as of `argmax`
   * @param labels [n] classes
   * @throws ArgumentError when the lengths differ or an element is no class; nothing is counted then
   */
  add(predicted: ArrayLike<number>, labels: ArrayLike<number>): this {
    if (predicted.length !== labels.length)
      throw new ArgumentError('ConfusionMatrix', `${labels.length} predictions`, predicted.length);
    requireClasses('ConfusionMatrix predictions', predicted, this.classes);
    requireClasses('ConfusionMatrix labels', labels, this.classes);
    for (let i = 0; i < labels.length; i++) this.counts[labels[i]! * this.classes + predicted[i]!]!++;
    return this;
  }

  /** Samples counted. */
  get total(): number {
    return this.counts.reduce((a, b) => a + b, 0);
  }

  /** Share of right predictions. */
  get accuracy(): number {
    let right = 0;
    for (let c = 0; c < this.classes; c++) right += this.#at(c, c);
    return share(right, this.total);
  }

  /** [classes]: of the samples predicted as a class, the share that belongs to it. */
  get precision(): Float64Array {
    return this.#perClass((c, other) => this.#at(other, c));
  }

  /** [classes]: of the samples of a class, the share predicted as it. */
  get recall(): Float64Array {
    return this.#perClass((c, other) => this.#at(c, other));
  }

  /** [classes]: harmonic mean 2 p r / (p + r) of precision and recall. */
  get f1(): Float64Array {
    const [precision, recall] = [this.precision, this.recall];
    return precision.map((p, c) => share(2 * p * recall[c]!, p + recall[c]!));
  }

  #at(label: number, predicted: number): number {
    return this.counts[label * this.classes + predicted]!;
  }

  /** Right predictions of each class as a share of the sum of `count(class, other)` over other. */
  #perClass(count: (c: number, other: number) => number): Float64Array {
    return Float64Array.from({ length: this.classes }, (_, c) => {
      let all = 0;
      for (let other = 0; other < this.classes; other++) all += count(c, other);
      return share(this.#at(c, c), all);
    });
  }
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function requireTopK(topK: number, classes: number): void {
  if (!Number.isInteger(topK) || topK < 1 || topK > classes)
    throw new ArgumentError('accuracy', `topK from 1 to ${classes}`, topK);
}

/** Classes of scores [..., classes] with labels [...]. */
function requirePositions(op: string, scores: Shape, labels: Shape): number {
  if (scores.length === 0 || !sameShape(scores.slice(0, -1), labels))
    throw new ShapeError(op, [scores, labels], 'scores [..., classes] and class indices [...]');
  if (scores.includes(0))
    throw new ShapeError(op, [scores], 'scores [..., classes] with at least one position and class');
  return scores.at(-1)!;
}

/** Classes of host scores, and the positions that count. */
function requireRows(
  op: string,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  ignoreIndex: number | undefined,
): { classes: number; positions: number[] } {
  if (labels.length === 0) throw new ArgumentError(op, 'at least one label', 'none');
  const classes = scores.length / labels.length;
  rowsOf(op, scores, classes, 'scores');
  requireFinite(op, scores);
  const positions = Array.from(labels, (label, i) => (label === ignoreIndex ? -1 : i)).filter((i) => i >= 0);
  if (positions.length === 0)
    throw new ArgumentError(op, `a label other than ignoreIndex ${ignoreIndex}`, 'none');
  requireClasses(
    op,
    positions.map((i) => labels[i]!),
    classes,
  );
  return { classes, positions };
}
