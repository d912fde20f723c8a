import { ArgumentError, sameShape, ShapeError, type Tensor } from '../graph/index.ts';
import {
  abs,
  add,
  broadcast,
  cast,
  div,
  exp,
  ge,
  le,
  log,
  logSoftmax,
  maximum,
  mean,
  mul,
  ne,
  neg,
  oneHot,
  softplus,
  square,
  sub,
  sum,
  where,
} from '../ops/index.ts';

/**
 * `'mean'`: mean over all elements (over positions for cross-entropy), as in PyTorch; `'batchmean'`: sum
 * divided by the leading size, as in the notes (2.1); `'sum'`; `'none'`: one loss per element or position.
 */
export type Reduction = 'mean' | 'sum' | 'batchmean' | 'none';

export interface LossOptions {
  reduction?: Reduction;
}

function reduceLoss(op: string, loss: Tensor, reduction: Reduction, batch: number): Tensor {
  switch (reduction) {
    case 'mean':
      return mean(loss);
    case 'sum':
      return sum(loss);
    case 'batchmean':
      return mul(sum(loss), 1 / batch);
    case 'none':
      return loss;
    default:
      throw new ArgumentError(op, "reduction 'mean', 'sum', 'batchmean' or 'none'", reduction);
  }
}

const SMALLEST_NORMAL = 2 ** -126;
/** What PyTorch takes for the logarithm of a probability 0. */
const LOG_OF_ZERO = -100;

function requireSameShape(op: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(op, [x.shape, target.shape], 'prediction and target of one shape');
}

/**
 * Squared error (x − t)². Notes 2.1, whose mean over samples is `batchmean`.
 *
 * @param x [...] f32
 * @param target [...] f32
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ, ArgumentError for an unknown reduction
 */
export function mse(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('mse', x, target);
  return reduceLoss('mse', square(sub(x, target)), reduction, x.shape[0] ?? 1);
}

/**
 * Absolute error |x − t|.
 *
 * @param x [...] f32
 * @param target [...] f32
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ, ArgumentError for an unknown reduction
 */
export function l1(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('l1', x, target);
  return reduceLoss('l1', abs(sub(x, target)), reduction, x.shape[0] ?? 1);
}

/**
 * Huber's loss: d²/2 where |d| ≤ delta, else delta (|d| − delta/2), d = x − t (Huber 1964; PyTorch's HuberLoss).
 *
 * @param x [...] f32
 * @param target [...] f32
 * @param options `delta` > 0, default 1
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ, ArgumentError for an unknown reduction
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
  return reduceLoss('huber', loss, reduction, x.shape[0] ?? 1);
}

/**
 * Binary cross-entropy −(t log x + (1 − t) log(1 − x)); each logarithm is clamped at −100, as in PyTorch.
 *
 * @param x [...] probabilities in [0, 1]
 * @param target [...] f32 in [0, 1]
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ, ArgumentError for an unknown reduction
 */
export function bce(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('bce', x, target);
  // The clamp is on p, not on log p: at p = 0 the gradient of the logarithm is not finite (0 · ∞ is NaN), and
  // WGSL leaves log(0) open. Below the smallest normal float32 a GPU may read 0.
  const logOf = (p: Tensor) => where(ge(p, SMALLEST_NORMAL), log(maximum(p, SMALLEST_NORMAL)), LOG_OF_ZERO);
  const loss = neg(add(mul(target, logOf(x)), mul(sub(1, target), logOf(sub(1, x)))));
  return reduceLoss('bce', loss, reduction, x.shape[0] ?? 1);
}

/**
 * Binary cross-entropy of logits: log(1 + eˣ) − x t, which is max(x, 0) − x t + log(1 + e^−|x|).
 *
 * @param x [...] logits
 * @param target [...] f32 in [0, 1]
 * @returns a scalar, or the shape of x for reduction 'none'
 * @throws ShapeError when the shapes differ, ArgumentError for an unknown reduction
 */
export function bceWithLogits(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  requireSameShape('bceWithLogits', x, target);
  return reduceLoss('bceWithLogits', sub(softplus(x), mul(x, target)), reduction, x.shape[0] ?? 1);
}

export interface CrossEntropyOptions extends LossOptions {
  /** Positions with this class do not count; the mean runs over the others. */
  ignoreIndex?: number;
}

/**
 * Cross-entropy −Σ_c t_c log softmax(x)_c (notes 2.2).
 *
 * @param logits [..., classes]
 * @param target class indices [...] (i32), or a distribution [..., classes] (f32)
 * @param options `ignoreIndex` is for class indices only
 * @returns a scalar, or [...] for reduction 'none'
 * @throws ShapeError when the target does not fit, ArgumentError for an unknown reduction
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { reduction = 'mean', ignoreIndex }: CrossEntropyOptions = {},
): Tensor {
  const positions = logits.shape.slice(0, -1);
  const logp = logSoftmax(logits);
  const batch = logits.shape[0] ?? 1;
  if (target.dtype === 'f32') {
    requireSameShape('crossEntropy', logits, target);
    return reduceLoss('crossEntropy', neg(sum(mul(target, logp), { axes: -1 })), reduction, batch);
  }
  if (!sameShape(target.shape, positions))
    throw new ShapeError(
      'crossEntropy',
      [logits.shape, target.shape],
      'logits [..., classes] and class indices [...]',
    );
  const loss = neg(sum(where(oneHot(target, logits.shape.at(-1)!), logp, 0), { axes: -1 }));
  if (ignoreIndex === undefined) return reduceLoss('crossEntropy', loss, reduction, batch);
  const counted = cast(ne(target, ignoreIndex), 'f32');
  const masked = mul(loss, counted);
  return reduction === 'mean'
    ? div(sum(masked), sum(counted))
    : reduceLoss('crossEntropy', masked, reduction, batch);
}

/**
 * Negative log-likelihood of class indices: −logProbs at the target.
 *
 * @param logProbs [..., classes], such as of `logSoftmax`
 * @param target [...] i32
 * @returns a scalar, or [...] for reduction 'none'
 * @throws ShapeError when the target does not fit, ArgumentError for an unknown reduction
 */
export function nll(logProbs: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  if (!sameShape(target.shape, logProbs.shape.slice(0, -1)))
    throw new ShapeError(
      'nll',
      [logProbs.shape, target.shape],
      'logProbs [..., classes] and class indices [...]',
    );
  const loss = neg(sum(where(oneHot(target, logProbs.shape.at(-1)!), logProbs, 0), { axes: -1 }));
  return reduceLoss('nll', loss, reduction, logProbs.shape[0] ?? 1);
}

/**
 * Negative log-likelihood of N(mu, e^logVar): (log 2π + logVar + (t − mu)² e^−logVar) / 2. A scalar
 * `logVar` is the homoscedastic case, one per element the heteroscedastic (notes 1.2).
 *
 * @param mu [...] f32
 * @param logVar of a shape that broadcasts to [...]
 * @param target [...] f32
 * @returns a scalar, or [...] for reduction 'none'
 * @throws ShapeError when the shapes do not fit, ArgumentError for an unknown reduction
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
  return reduceLoss('gaussianNll', loss, reduction, mu.shape[0] ?? 1);
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
 * @throws ShapeError when the shapes do not fit, ArgumentError for an unknown reduction
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
  return reduceLoss(
    'gaussianNllVariance',
    full ? add(loss, Math.log(2 * Math.PI) / 2) : loss,
    reduction,
    mu.shape[0] ?? 1,
  );
}

/**
 * KL(N(mu, e^s) ‖ N(0, I)) = Σ (mu² + e^s − 1 − s) / 2, s = logVar (Kingma and Welling 2014, appendix B).
 *
 * @param mu [n, z]
 * @param logVar [n, z]
 * @returns a scalar, by default the mean over n of the sum over z; [n, z] for reduction 'none'
 * @throws ShapeError when the shapes differ, ArgumentError for an unknown reduction
 */
export function klStandardNormal(
  mu: Tensor,
  logVar: Tensor,
  { reduction = 'batchmean' }: LossOptions = {},
): Tensor {
  requireSameShape('klStandardNormal', mu, logVar);
  const kl = mul(sub(sub(add(square(mu), exp(logVar)), 1), logVar), 0.5);
  return reduceLoss('klStandardNormal', kl, reduction, mu.shape[0] ?? 1);
}
