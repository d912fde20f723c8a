import {
  ArgumentError,
  broadcastShapes,
  defineOp,
  DTypeError,
  emit,
  ShapeError,
  Tensor,
  type DType,
  type Op,
  type TensorLike,
} from '../graph/index.ts';
import { broadcast } from './broadcast.ts';
import { fill, zerosLike } from './source.ts';

type NoAttrs = Record<never, never>;

// --- Unary -----------------------------------------------------------------------------------

function unary<const Name extends string>(
  name: Name,
  vjp: (dy: Tensor, x: Tensor, y: Tensor) => Tensor | null,
): Op<Name, NoAttrs> {
  return defineOp<Name>({
    name,
    kind: 'pointwise',
    shape: ([x]) => x!.shape,
    vjp: (dy, [x], _, y) => [vjp(dy, x!, y)],
  });
}

/** Arithmetic and order: f32, i32 and, unless `signed`, u32. */
function requireNumber(op: string, x: Tensor, signed = false): Tensor {
  if (x.dtype === 'bool' || (signed && x.dtype === 'u32')) {
    throw new DTypeError(op, signed ? 'f32 or i32' : 'f32, i32 or u32', x.dtype);
  }
  return x;
}

function requireF32(op: string, x: Tensor): Tensor {
  if (x.dtype !== 'f32') throw new DTypeError(op, 'f32', x.dtype);
  return x;
}

// Gradient rules use the result y where they can: it is kept for the next layer anyway, x often is not.
export const negOp = unary('neg', (dy) => neg(dy));
export const absOp = unary('abs', (dy, x) => mul(dy, sign(x)));
export const signOp = unary('sign', () => null);
export const floorOp = unary('floor', () => null);
export const expOp = unary('exp', (dy, _, y) => mul(dy, y));
export const logOp = unary('log', (dy, x) => div(dy, x));
export const sqrtOp = unary('sqrt', (dy, _, y) => div(mul(dy, 0.5), y));
export const sinOp = unary('sin', (dy, x) => mul(dy, cos(x)));
export const cosOp = unary('cos', (dy, x) => neg(mul(dy, sin(x))));
export const tanhOp = unary('tanh', (dy, _, y) => mul(dy, sub(1, square(y))));
export const sigmoidOp = unary('sigmoid', (dy, _, y) => mul(dy, mul(y, sub(1, y))));
export const atanOp = unary('atan', (dy, x) => div(dy, add(1, square(x))));
export const softplusOp = unary('softplus', (dy, x) => mul(dy, sigmoid(x)));
// d/dx erf(x) = 2 / √π · exp(-x²)
export const erfOp = unary('erf', (dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))));
export const reluOp = unary('relu', (dy, _, y) => where(gt(y, 0), dy, zerosLike(dy)));
export const notOp = unary('not', () => null);

/**
 * -x, element by element.
 *
 * @param x [...] f32 or i32
 * @returns [...], same dtype
 */
export const neg = (x: Tensor): Tensor => emit(negOp, [requireNumber('neg', x, true)], {});
/**
 * |x|, element by element; gradient 0 at 0.
 *
 * @param x [...] f32 or i32
 * @returns [...], same dtype
 */
export const abs = (x: Tensor): Tensor => emit(absOp, [requireNumber('abs', x, true)], {});
/**
 * -1, 0 or 1, the sign of x; gradient 0 everywhere.
 *
 * @param x [...] f32 or i32
 * @returns [...], same dtype
 */
export const sign = (x: Tensor): Tensor => emit(signOp, [requireNumber('sign', x, true)], {});
/**
 * The largest integer ≤ x; gradient 0 everywhere.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const floor = (x: Tensor): Tensor => emit(floorOp, [requireF32('floor', x)], {});
/**
 * eˣ. Overflows f32 above 88.7.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const exp = (x: Tensor): Tensor => emit(expOp, [requireF32('exp', x)], {});
/**
 * The natural logarithm of x > 0.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const log = (x: Tensor): Tensor => emit(logOp, [requireF32('log', x)], {});
/**
 * √x for x ≥ 0; the gradient is infinite at 0.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const sqrt = (x: Tensor): Tensor => emit(sqrtOp, [requireF32('sqrt', x)], {});
/**
 * sin x, x in radians.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const sin = (x: Tensor): Tensor => emit(sinOp, [requireF32('sin', x)], {});
/**
 * cos x, x in radians.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const cos = (x: Tensor): Tensor => emit(cosOp, [requireF32('cos', x)], {});
/**
 * The hyperbolic tangent (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ).
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const tanh = (x: Tensor): Tensor => emit(tanhOp, [requireF32('tanh', x)], {});
/**
 * The logistic function 1 / (1 + e⁻ˣ).
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const sigmoid = (x: Tensor): Tensor => emit(sigmoidOp, [requireF32('sigmoid', x)], {});
/**
 * The arc tangent, in radians, in (−π/2, π/2).
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const atan = (x: Tensor): Tensor => emit(atanOp, [requireF32('atan', x)], {});
/**
 * log(1 + eˣ), as max(x, 0) + log(1 + e^−|x|), which does not overflow.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const softplus = (x: Tensor): Tensor => emit(softplusOp, [requireF32('softplus', x)], {});
/**
 * The error function 2 / √π ∫₀ˣ exp(−t²) dt. On WebGPU its absolute error is below 1.5e-7
 * (Abramowitz and Stegun 7.1.26).
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const erf = (x: Tensor): Tensor => emit(erfOp, [requireF32('erf', x)], {});
/**
 * max(x, 0); gradient 0 at 0.
 *
 * @param x [...] f32
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const relu = (x: Tensor): Tensor => emit(reluOp, [requireF32('relu', x)], {});
/**
 * x², element by element.
 *
 * @param x [...] of any dtype but bool
 * @returns [...], same dtype
 */
export const square = (x: Tensor): Tensor => mul(x, x);

/**
 * Logical not, element by element.
 *
 * @param x [...] bool
 * @returns [...] bool
 * @throws DTypeError unless x is bool
 */
export function not(x: Tensor): Tensor {
  if (x.dtype !== 'bool') throw new DTypeError('not', 'bool', x.dtype);
  return emit(notOp, [x], {});
}

export const leakyReluOp = defineOp<'leakyRelu', { alpha: number }>({
  name: 'leakyRelu',
  kind: 'pointwise',
  shape: ([x]) => x!.shape,
  vjp: (dy, [x], { alpha }) => [where(gt(x!, 0), dy, mul(dy, alpha))],
});

/**
 * x where x > 0, alpha x elsewhere; gradient alpha at 0. Notes 1.5.
 *
 * @param x [...] f32
 * @param alpha slope on the left, default 0.01
 * @returns [...]
 * @throws DTypeError unless x is f32
 */
export const leakyRelu = (x: Tensor, alpha = 0.01): Tensor =>
  emit(leakyReluOp, [requireF32('leakyRelu', x)], { alpha });

export const castOp = defineOp<'cast', { dtype: DType }>({
  name: 'cast',
  kind: 'pointwise',
  shape: ([x]) => x!.shape,
  dtype: (_, { dtype }) => dtype,
  vjp: (dy, [x]) => [x!.dtype === 'f32' && dy.dtype === 'f32' ? dy : null],
});

/**
 * Convert to another dtype: f32 to integer truncates; bool becomes 0 or 1; to bool is x ≠ 0. No gradient.
 *
 * @param x [...]
 * @returns [...] of `dtype`; x itself when that is its dtype already
 */
export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : emit(castOp, [x], { dtype });

export const detachOp = defineOp<'detach'>({
  name: 'detach',
  kind: 'pointwise',
  shape: ([x]) => x!.shape,
  vjp: null,
});

/**
 * The same values, through which no gradient flows.
 *
 * @param x [...]
 * @returns [...], same dtype
 */
export const detach = (x: Tensor): Tensor => emit(detachOp, [x], {});

/** The same elements in a buffer of their own, in C order. Made by the planner, never by a user. */
export const copyOp = defineOp<'copy'>({
  name: 'copy',
  kind: 'pointwise',
  shape: ([x]) => x!.shape,
  vjp: (dy) => [dy],
});

/**
 * A copy that the planner puts last: a parameter's next value, computed elsewhere because other kernels
 * still read the old one. Never fused with what computes it.
 */
export const assignOp = defineOp<'assign'>({
  name: 'assign',
  kind: 'pointwise',
  shape: ([x]) => x!.shape,
  vjp: (dy) => [dy],
});

// --- Binary ----------------------------------------------------------------------------------

type BinaryVjp = (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor | null, Tensor | null];

function binary<const Name extends string>(
  name: Name,
  vjp: BinaryVjp | null,
  result?: DType,
): Op<Name, NoAttrs> {
  return defineOp<Name>({
    name,
    kind: 'pointwise',
    shape: ([a]) => a!.shape,
    dtype: ([a]) => result ?? a!.dtype,
    vjp: vjp && ((dy, [a, b], _, y) => vjp(dy, a!, b!, y)),
  });
}

/** Binary ops that accept bool. */
const LOGICAL = new Set(['eq', 'ne', 'and', 'or']);

/** Emit a binary op on operands brought to one shape and dtype; a number takes the other's dtype. */
function emitBinary(op: Op<string, NoAttrs>, a: TensorLike, b: TensorLike): Tensor {
  const like = a instanceof Tensor ? a : b instanceof Tensor ? b : null;
  const [x, y] = [a, b].map((v) => (v instanceof Tensor ? v : fill(v, [], like?.dtype ?? 'f32'))) as [
    Tensor,
    Tensor,
  ];
  if (x.dtype !== y.dtype)
    throw new DTypeError(
      op.name,
      'operands of one dtype',
      `${x.dtype} and ${y.dtype}. Convert one with cast()`,
    );
  if (!LOGICAL.has(op.name)) requireNumber(op.name, x);
  const shape = broadcastShapes(x.shape, y.shape);
  if (!shape) throw new ShapeError(op.name, [x.shape, y.shape], 'shapes that broadcast');
  return emit(op, [broadcast(x, shape), broadcast(y, shape)], {});
}

export const addOp = binary('add', (dy) => [dy, dy]);
export const subOp = binary('sub', (dy) => [dy, neg(dy)]);
export const mulOp = binary('mul', (dy, a, b) => [mul(dy, b), mul(dy, a)]);
export const divOp = binary('div', (dy, _, b, y) => [div(dy, b), neg(mul(div(dy, b), y))]);
// d aᵇ/da = b aᵇ⁻¹, 0 where b is 0 (also at a = 0); d aᵇ/db = aᵇ log a, taken as 0 where a is 0
export const powOp = binary('pow', (dy, a, b, y) => [
  mul(dy, where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
  mul(dy, where(gt(a, 0), mul(y, log(where(gt(a, 0), a, 1))), 0)),
]);
// Ties go to the first operand.
export const maximumOp = binary('maximum', (dy, a, b) => [where(ge(a, b), dy, 0), where(ge(a, b), 0, dy)]);
export const minimumOp = binary('minimum', (dy, a, b) => [where(le(a, b), dy, 0), where(le(a, b), 0, dy)]);
export const eqOp = binary('eq', null, 'bool');
export const neOp = binary('ne', null, 'bool');
export const ltOp = binary('lt', null, 'bool');
export const leOp = binary('le', null, 'bool');
export const gtOp = binary('gt', null, 'bool');
export const geOp = binary('ge', null, 'bool');
export const andOp = binary('and', null, 'bool');
export const orOp = binary('or', null, 'bool');

/**
 * a + b, element by element with NumPy broadcasting.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns of the broadcast shape and the same dtype
 * @throws ShapeError, DTypeError
 */
export const add = (a: TensorLike, b: TensorLike): Tensor => emitBinary(addOp, a, b);
/**
 * a − b, element by element with NumPy broadcasting.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns of the broadcast shape and the same dtype
 * @throws ShapeError, DTypeError
 */
export const sub = (a: TensorLike, b: TensorLike): Tensor => emitBinary(subOp, a, b);
/**
 * a · b, element by element with NumPy broadcasting.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns of the broadcast shape and the same dtype
 * @throws ShapeError, DTypeError
 */
export const mul = (a: TensorLike, b: TensorLike): Tensor => emitBinary(mulOp, a, b);
/**
 * a / b, element by element with NumPy broadcasting; integers truncate.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns of the broadcast shape and the same dtype
 * @throws ShapeError, DTypeError, ArgumentError for the integer division by the number 0
 */
export function div(a: TensorLike, b: TensorLike): Tensor {
  if (b === 0 && a instanceof Tensor && a.dtype !== 'f32')
    throw new ArgumentError('div', 'a divisor other than 0 for integers', 0);
  return emitBinary(divOp, a, b);
}

/**
 * aᵇ, element by element with NumPy broadcasting; a may be negative only where b is a whole number. The
 * gradient with respect to b is 0 where a ≤ 0.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns f32 of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export function pow(a: TensorLike, b: TensorLike): Tensor {
  return requireF32('pow', emitBinary(powOp, a, b));
}

/**
 * The larger of a and b, with NumPy broadcasting; a tie's gradient goes to a.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns of the broadcast shape and the same dtype
 * @throws ShapeError, DTypeError
 */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => emitBinary(maximumOp, a, b);
/**
 * The smaller of a and b, with NumPy broadcasting; a tie's gradient goes to a.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns of the broadcast shape and the same dtype
 * @throws ShapeError, DTypeError
 */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => emitBinary(minimumOp, a, b);
/**
 * a = b, element by element with NumPy broadcasting. No gradient.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns bool of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export const eq = (a: TensorLike, b: TensorLike): Tensor => emitBinary(eqOp, a, b);
/**
 * a ≠ b, element by element with NumPy broadcasting. No gradient.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns bool of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export const ne = (a: TensorLike, b: TensorLike): Tensor => emitBinary(neOp, a, b);
/**
 * a < b, element by element with NumPy broadcasting. No gradient.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns bool of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export const lt = (a: TensorLike, b: TensorLike): Tensor => emitBinary(ltOp, a, b);
/**
 * a ≤ b, element by element with NumPy broadcasting. No gradient.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns bool of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export const le = (a: TensorLike, b: TensorLike): Tensor => emitBinary(leOp, a, b);
/**
 * a > b, element by element with NumPy broadcasting. No gradient.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns bool of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export const gt = (a: TensorLike, b: TensorLike): Tensor => emitBinary(gtOp, a, b);
/**
 * a ≥ b, element by element with NumPy broadcasting. No gradient.
 *
 * @param a tensor or number
 * @param b tensor or number; tensors have one dtype and shapes that broadcast
 * @returns bool of the broadcast shape
 * @throws ShapeError, DTypeError
 */
export const ge = (a: TensorLike, b: TensorLike): Tensor => emitBinary(geOp, a, b);

function bothBool(op: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== 'bool' || b.dtype !== 'bool')
    throw new DTypeError(op, 'bool and bool', `${a.dtype} and ${b.dtype}`);
}

/**
 * Logical and, element by element with NumPy broadcasting.
 *
 * @param a bool
 * @param b bool
 * @returns bool of the broadcast shape
 * @throws DTypeError, ShapeError
 */
export function and(a: Tensor, b: Tensor): Tensor {
  bothBool('and', a, b);
  return emitBinary(andOp, a, b);
}

/**
 * Logical or, element by element with NumPy broadcasting.
 *
 * @param a bool
 * @param b bool
 * @returns bool of the broadcast shape
 * @throws DTypeError, ShapeError
 */
export function or(a: Tensor, b: Tensor): Tensor {
  bothBool('or', a, b);
  return emitBinary(orOp, a, b);
}

// --- Selection -------------------------------------------------------------------------------

export const whereOp = defineOp<'where'>({
  name: 'where',
  kind: 'pointwise',
  shape: ([condition]) => condition!.shape,
  dtype: ([, a]) => a!.dtype,
  vjp: (dy, [condition]) => [
    null,
    where(condition!, dy, zerosLike(dy)),
    where(condition!, zerosLike(dy), dy),
  ],
});

/**
 * a where `condition` holds, b elsewhere, broadcasting all three.
 *
 * @param condition bool, or i32 where anything but 0 means true; it gets no gradient
 * @param a tensor or number
 * @param b tensor or number of the same dtype
 * @returns of the broadcast shape and the dtype of a and b
 * @throws ShapeError, DTypeError
 */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const chosen = condition.dtype === 'i32' ? cast(condition, 'bool') : condition;
  if (chosen.dtype !== 'bool') throw new DTypeError('where', 'a bool or i32 condition', condition.dtype);
  const like = a instanceof Tensor ? a : b instanceof Tensor ? b : null;
  const [x, y] = [a, b].map((v) => (v instanceof Tensor ? v : fill(v, [], like?.dtype ?? 'f32'))) as [
    Tensor,
    Tensor,
  ];
  if (x.dtype !== y.dtype)
    throw new DTypeError('where', 'branches of one dtype', `${x.dtype} and ${y.dtype}`);
  const branches = broadcastShapes(x.shape, y.shape);
  const shape = branches && broadcastShapes(branches, chosen.shape);
  if (!shape) throw new ShapeError('where', [chosen.shape, x.shape, y.shape], 'shapes that broadcast');
  return emit(whereOp, [broadcast(chosen, shape), broadcast(x, shape), broadcast(y, shape)], {});
}

/**
 * x limited to [lower, upper]; gradient 1 inside, bounds included, 0 outside.
 *
 * @param x [...]
 * @param lower least value, or null for none
 * @param upper largest value, or null for none
 * @returns [...]
 */
export function clamp(x: Tensor, lower: number | null, upper: number | null): Tensor {
  const low = lower === null ? x : maximum(x, lower);
  return upper === null ? low : minimum(low, upper);
}
