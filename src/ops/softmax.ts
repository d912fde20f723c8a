import { DTypeError, requireOneOf, type Tensor } from '../graph/index.ts';
import { normalizeAxis } from './axes.ts';
import { sum } from './broadcast.ts';
import { add, detach, div, erf, exp, log, mul, sigmoid, sub, tanh } from './pointwise.ts';
import { max, nonEmpty } from './reduce.ts';
import { reshape } from './view.ts';

/** The largest element along `axis`, to subtract: exp overflows f32 above 88.7, and softmax ignores a shift. */
function largest(op: string, x: Tensor, axis: number): Tensor {
  if (x.dtype !== 'f32') throw new DTypeError(op, 'f32', x.dtype);
  nonEmpty(op, x, axis);
  return detach(max(x, { axes: axis, keepdim: true }));
}

/**
 * exp(xᵢ) / Σⱼ exp(xⱼ) along `axis`, without overflow.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range, ShapeError for one of size 0
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  const at = normalizeAxis('softmax', axis, x.shape);
  const e = exp(sub(x, largest('softmax', x, at)));
  return div(e, sum(e, { axes: at, keepdim: true }));
}

/**
 * log softmax(x) along `axis`, without the cancellation of taking the logarithm afterwards.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range, ShapeError for one of size 0
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const at = normalizeAxis('logSoftmax', axis, x.shape);
  const s = sub(x, largest('logSoftmax', x, at));
  return sub(s, log(sum(exp(s), { axes: at, keepdim: true })));
}

/**
 * log Σⱼ exp(xⱼ) along `axis`, which is removed; without overflow.
 *
 * @param x [...] f32
 * @returns the shape of x without `axis`
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range, ShapeError for one of size 0
 */
export function logSumExp(x: Tensor, axis = -1): Tensor {
  const at = normalizeAxis('logSumExp', axis, x.shape);
  const m = largest('logSumExp', x, at);
  const result = add(log(sum(exp(sub(x, m)), { axes: at, keepdim: true })), m);
  return reshape(
    result,
    result.shape.filter((_, i) => i !== at),
  );
}

/**
 * x · sigmoid(x) (swish; Ramachandran et al. 2017).
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));

/**
 * x Φ(x), Φ the standard normal distribution function (Hendrycks and Gimpel 2016, eq. 1), or its
 * `tanh` approximation x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))).
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32, ArgumentError for another approximation
 */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor {
  requireOneOf('gelu', 'approximate', ['none', 'tanh'], approximate);
  if (approximate === 'none') return mul(mul(x, 0.5), add(1, erf(mul(x, Math.SQRT1_2))));
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(1, tanh(inner)));
}
