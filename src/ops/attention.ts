import {
  ArgumentError,
  broadcastShapes,
  defineOp,
  DTypeError,
  emit,
  sameShape,
  ShapeError,
  type Op,
  type Shape,
  type Tensor,
} from '../graph/index.ts';
import { broadcast, sum } from './broadcast.ts';
import { matmul } from './matmul.ts';
import { add, and, ge, mul, sub, where } from './pointwise.ts';
import { bernoulli } from './random.ts';
import { pad, slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { iota } from './source.ts';
import { permute, reshape } from './view.ts';

export interface AttentionAttrs {
  /** Query i sees keys 0 .. i. */
  readonly causal: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
}

/** Sizes of an attention: batch, heads, queries, keys and the width of a head. */
export function attentionSizes(
  q: Tensor,
  k: Tensor,
): { batch: number; heads: number; queries: number; keys: number; width: number } {
  const [batch, heads, queries, width] = q.shape as [number, number, number, number];
  return { batch, heads, queries, keys: k.shape[2]!, width };
}

/** Elements of one number per query. */
const statisticsSize = ({ shape: [batch, heads, queries] }: Tensor) => batch! * heads! * queries!;

/** A tensor [batch, head, row, width] out of a flat result that holds it as [batch, row, head, width] from `start` on. */
function fromHeadsLast(flat: Tensor, start: number, { shape, size }: { shape: Shape; size: number }): Tensor {
  const [batch, heads, rows, width] = shape as [number, number, number, number];
  const elements = reshape(slice(flat, [[start, start + size]]), [batch, rows, heads, width]);
  return permute(elements, [0, 2, 1, 3]);
}

// The kernels have several results, and a node has one: they are joined, and public functions see slices of them. They
// come as [batch, row, head, width], which the projection after the heads reads without a copy.
//
// Inputs are q, k, v (of one width, a multiple of 4), whatever the gradient needs, and last the mask, if there is one:
// bool [b, h, t, s] with sizes 1 for axes along which it is the same.

/** y, then what only the gradients read: for each query its largest score, and 1 / Σ exp(score − largest). */
export const attentionOp: Op<'attention', AttentionAttrs> = defineOp({
  name: 'attention',
  kind: 'kernel',
  shape: ([q]) => [q!.size + 2 * statisticsSize(q!)],
  vjp(cotangent, [q, k, v, ...mask], attrs, forward) {
    const dy = fromHeadsLast(cotangent, 0, q!);
    const dq = emit(attentionQueryGradOp, [q!, k!, v!, forward, dy, ...mask], attrs);
    const dkv = emit(attentionKeyValueGradOp, [q!, k!, v!, dy, dq, ...mask], attrs);
    return [fromHeadsLast(dq, 0, q!), fromHeadsLast(dkv, 0, k!), fromHeadsLast(dkv, k!.size, v!), null];
  },
});

/** dq, then the statistics of `attention` and Σ dy ∘ y for each query; from q, k, v, the result of `attention`, and dy. */
export const attentionQueryGradOp: Op<'attentionQueryGrad', AttentionAttrs> = defineOp({
  name: 'attentionQueryGrad',
  kind: 'kernel',
  shape: ([q]) => [q!.size + 3 * statisticsSize(q!)],
  // What comes from `forward` is a function of q, k and v: the whole derivative goes through these.
  vjp(cotangent, [q, k, v, , dy, mask], attrs) {
    const found = secondDerivatives(q!, k!, v!, dy!, mask ?? null, attrs, {
      dq: fromHeadsLast(cotangent, 0, q!),
    });
    return [found.q, found.k, found.v, null, found.dy, null];
  },
});

/** dk, then dv; from q, k, v, dy, and the result of `attentionQueryGrad`. */
export const attentionKeyValueGradOp: Op<'attentionKeyValueGrad', AttentionAttrs> = defineOp({
  name: 'attentionKeyValueGrad',
  kind: 'kernel',
  shape: ([, k, v]) => [k!.size + v!.size],
  vjp(cotangent, [q, k, v, dy, , mask], attrs) {
    const found = secondDerivatives(q!, k!, v!, dy!, mask ?? null, attrs, {
      dk: fromHeadsLast(cotangent, 0, k!),
      dv: fromHeadsLast(cotangent, k!.size, v!),
    });
    return [found.q, found.k, found.v, found.dy, null, null];
  },
});

/**
 * The gradient of attention's gradients, with all scores in memory. With P = softmax(S), S = scale Q Kᵀ, dP = dY Vᵀ and
 * dS = P ∘ (dP − rows(P ∘ dP)), where rows() sums each row, the gradients are
 * dQ = scale dS K, dK = scale dSᵀ Q and dV = Pᵀ dY; their cotangents are given.
 */
function secondDerivatives(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  dy: Tensor,
  mask: Tensor | null,
  attrs: AttentionAttrs,
  { dq, dk, dv }: { readonly dq?: Tensor; readonly dk?: Tensor; readonly dv?: Tensor },
): { q: Tensor; k: Tensor; v: Tensor; dy: Tensor } {
  const rows = (x: Tensor) => sum(x, { axes: -1, keepdim: true });
  const scaled = (x: Tensor) => mul(x, attrs.scale);
  const by = (a: Tensor, b: Tensor) => matmul(a, b, { transposeB: true });
  const across = (a: Tensor, b: Tensor) => matmul(a, b, { transposeA: true });
  const total = (...terms: (Tensor | undefined)[]) =>
    terms.filter((term) => term !== undefined).reduce((a, b) => add(a, b));

  const p = probabilities(q, k, mask, attrs);
  const dp = by(dy, v);
  const r = rows(mul(p, dp));
  const ds = mul(p, sub(dp, r));
  // cotangents of dS, P, dP and S
  const u = total(dq && scaled(by(dq, k)), dk && scaled(by(q, dk)));
  const ofP = total(sub(mul(u, sub(dp, r)), mul(dp, rows(mul(u, p)))), dv && by(dy, dv));
  const ofDp = mul(p, sub(u, rows(mul(p, u))));
  const ofS = scaled(mul(p, sub(ofP, rows(mul(p, ofP)))));
  return {
    q: total(matmul(ofS, k), dk && scaled(matmul(ds, dk))),
    k: total(across(ofS, q), dq && scaled(across(ds, dq))),
    v: across(ofDp, dy),
    dy: total(matmul(ofDp, v), dv && matmul(p, dv)),
  };
}

/** softmax(scale q kᵀ) over admissible keys: [batch, head, query, key]; 0 in rows without any. */
function probabilities(q: Tensor, k: Tensor, mask: Tensor | null, { causal, scale }: AttentionAttrs): Tensor {
  const scores = mul(matmul(q, k, { transposeB: true }), scale);
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  const isPast = causal ? ge(iota([queries, keys], 0), iota([queries, keys], 1)) : null;
  const may = isPast && mask ? and(isPast, mask) : (isPast ?? mask);
  if (!may) return softmax(scores);
  const admissible = broadcast(may, scores.shape);
  return where(admissible, softmax(where(admissible, scores, HIDDEN)), 0);
}

/** Below any score, and far from overflow when another score is subtracted. */
const HIDDEN = -1e37;

/** Wider heads take the composition: their rows don't fit into registers. */
const MAX_FUSED_WIDTH = 128;

export interface AttentionWeightsOptions {
  /** Query i sees keys 0 .. i, counted from the top left also when there are more keys than queries. Default false. */
  causal?: boolean;
  /** bool [batch, key]: false for padding, which no query sees. */
  keyValid?: Tensor;
  /** bool, broadcasts to [batch, head, query, key]: false where a query must not see a key. */
  mask?: Tensor;
}

export interface AttentionOptions extends AttentionWeightsOptions {
  /** Probability of dropping a weight, in [0, 1); the others are divided by 1 − dropout. Default 0. */
  dropout?: number;
}

/**
 * Scaled dot-product attention softmax(q kᵀ / √d) v (Vaswani et al. 2017, eq. 1; notes 8.2), the softmax over the keys that
 * each query may see. A query that sees no key gets 0, without gradient.
 *
 * One kernel each for the result, the gradient by q, and those by k and v, in memory that grows with t + s instead of t · s
 * (Dao et al. 2022, "FlashAttention"). With dropout, and for heads wider than 128, and for second derivatives, the
 * scores are stored: matmul, softmax, matmul.
 *
 * @param q [b, h, t, d] f32
 * @param k [b, h, s, d] f32
 * @param v [b, h, s, e] f32
 * @returns [b, h, t, e]
 * @throws ShapeError when sizes do not fit or one is 0, DTypeError for masks that are not bool, ArgumentError for a dropout
 *   outside [0, 1)
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { dropout = 0, ...options }: AttentionOptions = {},
): Tensor {
  const name = 'scaledDotProductAttention';
  const { attrs, mask } = checked(name, [q, k, v], options);
  if (!(dropout >= 0 && dropout < 1)) throw new ArgumentError(name, 'dropout in [0, 1)', dropout);
  const [d, e] = [q.shape[3]!, v.shape[3]!];
  const width = Math.ceil(Math.max(d, e) / 4) * 4;
  if (dropout > 0 || width > MAX_FUSED_WIDTH) {
    const weights = probabilities(q, k, mask, attrs);
    const keep = dropout > 0 ? mul(bernoulli(1 - dropout, weights.shape), 1 / (1 - dropout)) : null;
    return matmul(keep ? mul(weights, keep) : weights, v);
  }
  const widened = (x: Tensor) =>
    pad(x, [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, width - x.shape[3]!],
    ]);
  const wide = widened(q);
  const flat = emit(attentionOp, [wide, widened(k), widened(v), ...(mask ? [mask] : [])], attrs);
  return slice(fromHeadsLast(flat, 0, wide), [null, null, null, [0, e]]);
}

/**
 * The weights that `scaledDotProductAttention` gives to the keys: softmax(q kᵀ / √d) over those that a query may see.
 *
 * @param q [b, h, t, d] f32
 * @param k [b, h, s, d] f32
 * @returns [b, h, t, s]; rows sum to 1, or are 0 where a query sees no key
 * @throws ShapeError when sizes do not fit or one is 0, DTypeError for masks that are not bool
 */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionWeightsOptions = {}): Tensor {
  const { attrs, mask } = checked('attentionWeights', [q, k], options);
  return probabilities(q, k, mask, attrs);
}

/** The attributes, and one mask of four axes out of both, once everything fits together. */
function checked(
  op: string,
  tensors: readonly [q: Tensor, k: Tensor, v?: Tensor],
  { causal = false, keyValid, mask }: AttentionWeightsOptions,
): { attrs: AttentionAttrs; mask: Tensor | null } {
  const [q, k, v = k] = tensors;
  const fits =
    [q, k, v].every((x) => x.rank === 4 && x.size > 0) &&
    [k, v].every((x) => sameShape(x.shape.slice(0, 2), q.shape.slice(0, 2))) &&
    k.shape[3] === q.shape[3] &&
    v.shape[2] === k.shape[2];
  if (!fits)
    throw new ShapeError(
      op,
      tensors.map((x) => x!.shape),
      `q [b, h, t, d]${v === k ? ' and' : ','} k [b, h, s, d]${v === k ? '' : ' and v [b, h, s, e]'} without empty axes`,
    );
  for (const x of [q, k, v]) if (x.dtype !== 'f32') throw new DTypeError(op, 'f32', x.dtype);
  for (const x of [keyValid, mask])
    if (x && x.dtype !== 'bool') throw new DTypeError(op, 'bool masks', x.dtype);
  const { batch, heads, queries, keys, width } = attentionSizes(q, k);
  if (keyValid && !sameShape(keyValid.shape, [batch, keys]))
    throw new ShapeError(op, [keyValid.shape], `keyValid [${batch}, ${keys}]`);
  const all = [batch, heads, queries, keys];
  const together = mask && broadcastShapes(mask.shape, all);
  if (mask && !(together && sameShape(together, all)))
    throw new ShapeError(op, [mask.shape], `a mask that broadcasts to [${all.join(', ')}]`);
  const ofKeys = keyValid && reshape(keyValid, [batch, 1, 1, keys]);
  const ofPairs = mask && reshape(mask, [...new Array<number>(4 - mask.rank).fill(1), ...mask.shape]);
  return {
    attrs: { causal, scale: 1 / Math.sqrt(width) },
    mask: ofKeys && ofPairs ? and(ofKeys, ofPairs) : (ofKeys ?? ofPairs ?? null),
  };
}
