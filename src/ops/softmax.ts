import { DTypeError, type Tensor } from '../graph/index.ts';
import { normalizeAxis } from './axes.ts';
import { sum } from './broadcast.ts';
import { add, detach, div, erf, exp, log, mul, sigmoid, sub, tanh } from './pointwise.ts';
import { max } from './reduce.ts';
import { reshape } from './view.ts';

/** x minus its largest element along `axis`: exp overflows f32 above 88.7, and softmax ignores a shift. */
function shifted(op: string, x: Tensor, axis: number): Tensor {
  if (x.dtype !== 'f32') throw new DTypeError(op, 'f32', x.dtype);
  return sub(x, detach(max(x, { axes: normalizeAxis(op, axis, x.shape), keepdim: true })));
}

/**
 * exp(xᵢ) / Σⱼ exp(xⱼ) along `axis`, without overflow.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  const e = exp(shifted('softmax', x, axis));
  return div(e, sum(e, { axes: axis, keepdim: true }));
}

/**
 * log softmax(x) along `axis`, without the cancellation of taking the logarithm afterwards.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const s = shifted('logSoftmax', x, axis);
  return sub(s, log(sum(exp(s), { axes: axis, keepdim: true })));
}

/**
 * log Σⱼ exp(xⱼ) along `axis`, which is removed; without overflow.
 *
 * @param x [...] f32
 * @returns the shape of x without `axis`
 * @throws DTypeError unless x is f32, ArgumentError for an axis out of range
 */
export function logSumExp(x: Tensor, axis = -1): Tensor {
  const at = normalizeAxis('logSumExp', axis, x.shape);
  const m = detach(max(x, { axes: at, keepdim: true }));
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
 * @throws DTypeError unless x is f32
 */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor {
  if (approximate === 'none') return mul(mul(x, 0.5), add(1, erf(mul(x, Math.SQRT1_2))));
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(1, tanh(inner)));
}
