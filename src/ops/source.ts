import {
  ArgumentError,
  defineOp,
  emit,
  holds,
  sizeOf,
  type DType,
  type Shape,
  type Tensor,
  type TypedArray,
} from '../graph/index.ts';
import { normalizeAxis, requireSizes } from './axes.ts';

export const inputOp = defineOp<'input', { name: string; shape: Shape; dtype: DType }>({
  name: 'input',
  kind: 'source',
  shape: (_, { shape }) => shape,
  dtype: (_, { dtype }) => dtype,
  vjp: null,
});

/** An input of a step: its values arrive with each call. */
export function input(name: string, shape: Shape, dtype: DType): Tensor {
  return emit(inputOp, [], { name, shape, dtype });
}

export const constantOp = defineOp<'constant', { shape: Shape; dtype: DType; data: TypedArray }>({
  name: 'constant',
  kind: 'source',
  shape: (_, { shape }) => shape,
  dtype: (_, { dtype }) => dtype,
  vjp: null,
});

/**
 * A tensor with values known now; they are uploaded once, when the step is compiled.
 *
 * @param data the elements in C order, copied; plain arrays become f32
 * @param shape default: one axis of all elements
 * @returns `shape`, of the dtype that the array type says, or of `dtype`
 * @throws ArgumentError when the number of elements does not fit the shape, or a size is not a whole number
 */
export function constant(
  data: TypedArray | readonly number[],
  shape: Shape = [data.length],
  dtype?: DType,
): Tensor {
  const sizes = requireSizes('constant', shape);
  const type = dtype ?? (data instanceof Int32Array ? 'i32' : data instanceof Uint32Array ? 'u32' : 'f32');
  if (data.length !== sizeOf(sizes))
    throw new ArgumentError('constant', `${sizeOf(sizes)} elements`, `${data.length}`);
  const array = holds(type, data)
    ? data.slice()
    : type === 'f32'
      ? Float32Array.from(data)
      : type === 'i32'
        ? Int32Array.from(data)
        : Uint32Array.from(data);
  return emit(constantOp, [], { shape: sizes, dtype: type, data: array });
}

export const hostScalarOp = defineOp<'hostScalar', { name: string; next: () => number }>({
  name: 'hostScalar',
  kind: 'source',
  shape: () => [],
  dtype: () => 'f32',
  vjp: null,
});

/**
 * A scalar that the host supplies with each step (a learning rate), without recompiling.
 *
 * @param next called exactly once per step of each compiled function that uses the node
 * @returns [] f32
 */
export function hostScalar(name: string, next: () => number): Tensor {
  return emit(hostScalarOp, [], { name, next });
}

export const fillOp = defineOp<'fill', { value: number; shape: Shape; dtype: DType }>({
  name: 'fill',
  kind: 'pointwise',
  shape: (_, { shape }) => shape,
  dtype: (_, { dtype }) => dtype,
  vjp: () => [],
});

/**
 * A tensor whose elements all equal `value`; takes no memory.
 *
 * @param value infinities and NaN reach the GPU too, but WGSL lets an adapter treat them as it likes
 * @returns `dtype` (default f32) of `shape` (default a scalar)
 * @throws ArgumentError for a size that is not a whole number
 */
export function fill(value: number, shape: Shape = [], dtype: DType = 'f32'): Tensor {
  return emit(fillOp, [], { value, shape: requireSizes('fill', shape), dtype });
}

/** A tensor of zeros with the shape and dtype of `x`. */
export function zerosLike(x: Tensor): Tensor {
  return fill(0, x.shape, x.dtype);
}

export const iotaOp = defineOp<'iota', { axis: number; shape: Shape; dtype: DType }>({
  name: 'iota',
  kind: 'indexed',
  shape: (_, { shape }) => shape,
  dtype: (_, { dtype }) => dtype,
  vjp: () => [],
});

/**
 * A tensor whose element is its own index along `axis`: 0, 1, 2, …
 *
 * @param axis negative ones count from the end
 * @returns `dtype` (default i32) of `shape`
 * @throws ArgumentError for an axis out of range or a size that is not a whole number
 */
export function iota(shape: Shape, axis: number, dtype: DType = 'i32'): Tensor {
  const sizes = requireSizes('iota', shape);
  return emit(iotaOp, [], { axis: normalizeAxis('iota', axis, sizes), shape: sizes, dtype });
}
