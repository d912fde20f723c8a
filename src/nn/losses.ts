import { ArgumentError, DTypeError, sameShape, ShapeError, type Tensor } from '../graph/index.ts';
import {
  abs,
  add,
  broadcast,
  cast,
  div,
  exp,
  ge,
  iota,
  le,
  log,
  logSoftmax,
  lt,
  maximum,
  mean,
  mul,
  ne,
  neg,
  oneHot,
  requireLengths,
  reshape,
  softplus,
  square,
  sub,
  sum,
  where,
} from '../ops/index.ts';
import { reduceLoss, requireSameShape, type LossOptions, type Reduction } from './reduction.ts';

const SMALLEST_NORMAL = 2 ** -126;
/** What PyTorch takes for the logarithm of a probability 0. */
const LOG_OF_ZERO = -100;

/**
 * Squared error (x − t)². Notes 2.1, whose mean over samples is `batchmean`.
 *
 * @param x [...] f32
 * @param target [...] f32
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ or are empty, ArgumentError for an unknown reduction
 */
export function mse(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('mse', x, target);
  return reduceLoss('mse', square(sub(x, target)), reduction);
}

/**
 * Absolute error |x − t|.
 *
 * @param x [...] f32
 * @param target [...] f32
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ or are empty, ArgumentError for an unknown reduction
 */
export function l1(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('l1', x, target);
  return reduceLoss('l1', abs(sub(x, target)), reduction);
}

/**
 * Huber's loss: d²/2 where |d| ≤ delta, else delta (|d| − delta/2), d = x − t (Huber 1964; PyTorch's HuberLoss).
 *
 * @param x [...] f32
 * @param target [...] f32
 * @param options `delta` > 0, default 1
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ or are empty, ArgumentError for an unknown reduction
 */
export function huber(
  x: Tensor,
  target: Tensor,
  { delta = 1, reduction = 'mean' }: LossOptions & { delta?: number } = {},
): Tensor {
  requireSameShape('huber', x, target);
  const d = sub(x, target);
  const size = abs(d);
  const loss = where(le(size, delta), mul(square(d), 0.5), mul(sub(size, delta / 2), delta));
  return reduceLoss('huber', loss, reduction);
}

/**
 * Binary cross-entropy −(t log x + (1 − t) log(1 − x)); each logarithm is clamped at −100, as in PyTorch.
 *
 * @param x [...] probabilities in [0, 1]
 * @param target [...] f32 in [0, 1]
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ or are empty, ArgumentError for an unknown reduction
 */
export function bce(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('bce', x, target);
  // The clamp is on p, not on log p: at p = 0 the gradient of the logarithm is not finite (0 · ∞ is NaN), and
  // WGSL leaves log(0) open. Below the smallest normal float32 a GPU may read 0.
  const logOf = (p: Tensor) => where(ge(p, SMALLEST_NORMAL), log(maximum(p, SMALLEST_NORMAL)), LOG_OF_ZERO);
  const loss = neg(add(mul(target, logOf(x)), mul(sub(1, target), logOf(sub(1, x)))));
  return reduceLoss('bce', loss, reduction);
}

/**
 * Binary cross-entropy of logits: −t log σ(x) − (1 − t) log(1 − σ(x)) = t softplus(−x) + (1 − t) softplus(x), which for t of
 * 0 or 1 keeps its accuracy where the prediction is sure.
 *
 * @param x [...] logits
 * @param target [...] f32 in [0, 1]
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ or are empty, ArgumentError for an unknown reduction
 */
export function bceWithLogits(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('bceWithLogits', x, target);
  const loss = add(mul(target, softplus(neg(x))), mul(sub(1, target), softplus(x)));
  return reduceLoss('bceWithLogits', loss, reduction);
}

export interface NllOptions extends LossOptions {
  /** Positions with this class do not count; the mean runs over the others, and is 0 when there are none. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllOptions {
  /** ε in [0, 1]: the target becomes (1 − ε) · target + ε / classes (Szegedy et al. 2016, section 7); default 0. */
  labelSmoothing?: number;
}

/**
 * Cross-entropy −Σ_c t_c log softmax(x)_c (notes 2.2).
 *
 * @param logits [..., classes]
 * @param target class indices [...] (i32 or u32), or a distribution [..., classes] (f32). No class is at an index outside
 *   0 … classes − 1: its part of the loss is 0
 * @param options `ignoreIndex` is for class indices only
 * @returns a scalar, or [...] for reduction 'none'. PyTorch gives NaN for the mean when all positions are ignored, this
 *   gives 0 with zero gradients
 * @throws ShapeError when the target does not fit or there is no position or class, DTypeError for a target of bool,
 *   ArgumentError for an unknown reduction, ε outside [0, 1], or `ignoreIndex` with a distribution
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { reduction = 'mean', ignoreIndex, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  const op = 'crossEntropy';
  requireClasses(op, logits, 'logits');
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(op, 'labelSmoothing in [0, 1]', labelSmoothing);
  const logProbs = logSoftmax(logits);
  const smoothed = (loss: Tensor) =>
    labelSmoothing === 0
      ? loss
      : sub(mul(loss, 1 - labelSmoothing), mul(mean(logProbs, { axes: -1 }), labelSmoothing));
  if (target.dtype !== 'f32')
    return ofPositions(op, smoothed(minusAt(op, logProbs, target, 'logits')), target, reduction, ignoreIndex);
  if (ignoreIndex !== undefined)
    throw new ArgumentError(op, 'ignoreIndex with class indices', 'a distribution as target');
  requireSameShape(op, logits, target);
  return reduceLoss(op, smoothed(neg(sum(mul(target, logProbs), { axes: -1 }))), reduction);
}

/**
 * Negative log-likelihood of class indices: −logProbs at the target.
 *
 * @param logProbs [..., classes], such as of `logSoftmax`
 * @param target [...] i32 or u32; an index outside 0 … classes − 1 costs 0
 * @returns a scalar, or [...] for reduction 'none'; 0 for the mean when all positions are ignored
 * @throws ShapeError when the target does not fit or there is no position or class, DTypeError unless the target is of
 *   integers, ArgumentError for an unknown reduction
 */
export function nll(
  logProbs: Tensor,
  target: Tensor,
  { reduction = 'mean', ignoreIndex }: NllOptions = {},
): Tensor {
  requireClasses('nll', logProbs, 'logProbs');
  return ofPositions('nll', minusAt('nll', logProbs, target, 'logProbs'), target, reduction, ignoreIndex);
}

function requireClasses(op: string, scores: Tensor, name: string): void {
  if (scores.rank === 0 || scores.size === 0)
    throw new ShapeError(op, [scores.shape], `${name} [..., classes] with at least one position and class`);
}

/** −logProbs at the target's class: [..., classes] and [...] → [...]. */
function minusAt(op: string, logProbs: Tensor, target: Tensor, name: string): Tensor {
  if (target.dtype !== 'i32' && target.dtype !== 'u32')
    throw new DTypeError(op, 'class indices of i32 or u32', target.dtype);
  if (!sameShape(target.shape, logProbs.shape.slice(0, -1)))
    throw new ShapeError(
      op,
      [logProbs.shape, target.shape],
      `${name} [..., classes] and class indices [...]`,
    );
  return neg(sum(where(oneHot(target, logProbs.shape.at(-1)!), logProbs, 0), { axes: -1 }));
}

/** Reduce the losses of positions without those that are ignored. */
function ofPositions(
  op: string,
  loss: Tensor,
  target: Tensor,
  reduction: Reduction,
  ignoreIndex: number | undefined,
): Tensor {
  return ignoreIndex === undefined
    ? reduceLoss(op, loss, reduction)
    : reduceCounted(op, loss, ne(target, ignoreIndex), reduction);
}

/** Reduce the losses where `counts` (bool, of their shape) holds; the mean of none is 0. */
function reduceCounted(op: string, loss: Tensor, counts: Tensor, reduction: Reduction): Tensor {
  const counted = where(counts, loss, 0);
  return reduction === 'mean'
    ? div(sum(counted), maximum(sum(cast(counts, 'f32')), 1))
    : reduceLoss(op, counted, reduction);
}

export interface SequenceLossOptions extends LossOptions {
  /**
   * What a mean is over. `'token'` (default): all positions that count. `'sequence'`: the sequences, each with the sum over
   * its positions, which is −log p(y | x) of the notes (7.1) for a cross-entropy.
   */
  per?: 'token' | 'sequence';
}

/**
 * Reduce the losses of padded sequences over the positions that belong to them.
 *
 * ```ts
 * nn.sequenceLoss(nn.crossEntropy(logits, target, { reduction: 'none' }), lengths, { per: 'sequence' });
 * ```
 *
 * @param loss [n, t] f32, a loss with reduction 'none'
 * @param valid lengths [n] (i32 or u32) in 1 … t: positions 0 … length − 1 count; or a mask [n, t] (bool, or i32 0 and 1).
 *   Lengths that are constants or an input of the step are checked, those that it computes are not: 0 and less count no
 *   position, more than t all
 * @returns a scalar, or for reduction 'none' [n, t] with zeros in the padding, [n] per sequence; 'batchmean' divides by n.
 *   The mean over tokens is 0 when there are none
 * @throws ShapeError when shapes do not fit or there is no position, DTypeError for lengths that are not integers,
 *   ArgumentError for an unknown reduction or `per` and for known lengths outside 1 … t (for lengths that are an input of
 *   the step, its call throws it)
 */
export function sequenceLoss(
  loss: Tensor,
  valid: Tensor,
  { per = 'token', reduction = 'mean' }: SequenceLossOptions = {},
): Tensor {
  const op = 'sequenceLoss';
  const fits = loss.rank === 2 && sameShape(valid.shape, loss.shape.slice(0, valid.rank)) && valid.rank > 0;
  if (!fits || loss.size === 0)
    throw new ShapeError(op, [loss.shape, valid.shape], 'a loss [n, t] and lengths [n] or a mask [n, t]');
  if (valid.dtype === 'f32' || (valid.rank === 1 && valid.dtype === 'bool'))
    throw new DTypeError(
      op,
      valid.rank === 1 ? 'lengths of i32 or u32' : 'a mask of bool or i32',
      valid.dtype,
    );
  if (valid.rank === 1) requireLengths(op, valid, loss.shape[1]!);
  const counts =
    valid.rank === 2
      ? valid.dtype === 'bool'
        ? valid
        : ne(valid, 0)
      : lt(iota(loss.shape, 1, valid.dtype), broadcast(reshape(valid, [-1, 1]), loss.shape));
  if (per === 'token') return reduceCounted(op, loss, counts, reduction);
  if (per !== 'sequence') throw new ArgumentError(op, "per 'token' or 'sequence'", per);
  return reduceLoss(op, sum(where(counts, loss, 0), { axes: 1 }), reduction);
}

/**
 * Negative log-likelihood of N(mu, e^logVar): (log 2π + logVar + (t − mu)² e^−logVar) / 2. A scalar
 * `logVar` is the homoscedastic case, one per element the heteroscedastic (notes 1.2).
 *
 * @param mu [...] f32
 * @param logVar of a shape that broadcasts to [...]
 * @param target [...] f32
 * @returns a scalar, or [...] for reduction 'none'
 * @throws ShapeError when the shapes do not fit or are empty, ArgumentError for an unknown reduction
 */
export function gaussianNll(
  mu: Tensor,
  logVar: Tensor,
  target: Tensor,
  { reduction = 'mean' }: LossOptions = {},
): Tensor {
  requireSameShape('gaussianNll', mu, target);
  const s = broadcast(logVar, mu.shape);
  const loss = mul(add(add(s, Math.log(2 * Math.PI)), mul(square(sub(target, mu)), exp(neg(s)))), 0.5);
  return reduceLoss('gaussianNll', loss, reduction);
}

/**
 * Gaussian negative log-likelihood with a variance: (log v + (t − mu)² / v) / 2, v = max(variance, eps),
 * plus log(2π)/2 with `full`; PyTorch's GaussianNLLLoss. No gradient flows to a variance
 * below eps.
 *
 * @param mu [...] f32
 * @param variance of a shape that broadcasts to [...]
 * @param target [...] f32
 * @returns a scalar, or [...] for reduction 'none'
 * @throws ShapeError when the shapes do not fit or are empty, ArgumentError for an unknown reduction
 */
export function gaussianNllVariance(
  mu: Tensor,
  variance: Tensor,
  target: Tensor,
  { full = false, eps = 1e-6, reduction = 'mean' }: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  requireSameShape('gaussianNllVariance', mu, target);
  const v = broadcast(maximum(variance, eps), mu.shape);
  const loss = mul(add(log(v), div(square(sub(target, mu)), v)), 0.5);
  return reduceLoss('gaussianNllVariance', full ? add(loss, Math.log(2 * Math.PI) / 2) : loss, reduction);
}

/**
 * KL(N(mu, e^s) ‖ N(0, I)) = Σ (mu² + e^s − 1 − s) / 2, s = logVar (Kingma and Welling 2014, appendix B).
 *
 * @param mu [n, z]
 * @param logVar [n, z]
 * @returns a scalar, by default the mean over n of the sum over z; [n, z] for reduction 'none'
 * @throws ShapeError when the shapes differ or are empty, ArgumentError for an unknown reduction
 */
export function klStandardNormal(
  mu: Tensor,
  logVar: Tensor,
  { reduction = 'batchmean' }: LossOptions = {},
): Tensor {
  requireSameShape('klStandardNormal', mu, logVar);
  const kl = mul(sub(sub(add(square(mu), exp(logVar)), 1), logVar), 0.5);
  return reduceLoss('klStandardNormal', kl, reduction);
}
