import { sizeOf, stridesOf, type DType, type Shape } from '../graph/index.ts';

/** Elements in C order. f32 tensors are kept in f32 or f64, as the device was asked. */
export interface NdArray {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: Float32Array | Float64Array | Int32Array | Uint32Array;
}

/** How f32 tensors are kept: rounded to float32, or in float64. */
export type Storage = 'f32' | 'f64';

/** A zeroed array of `shape`. */
export function newNdArray(shape: Shape, dtype: DType, storage: Storage): NdArray {
  const size = sizeOf(shape);
  if (dtype === 'f32')
    return { shape, dtype, data: storage === 'f64' ? new Float64Array(size) : new Float32Array(size) };
  return { shape, dtype, data: dtype === 'i32' ? new Int32Array(size) : new Uint32Array(size) };
}

/** Call `visit(coordinates, i)` for each element of `shape` in C order; the array is reused between calls. */
export function forEachIndex(shape: Shape, visit: (at: readonly number[], i: number) => void): void {
  const at = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let i = 0; i < size; i++) {
    visit(at, i);
    for (let axis = shape.length - 1; axis >= 0 && ++at[axis]! === shape[axis]; axis--) at[axis] = 0;
  }
}

/** Position of an element in C order. */
export function offsetOf(shape: Shape, at: readonly number[]): number {
  const strides = stridesOf(shape);
  return at.reduce((offset, index, axis) => offset + index * strides[axis]!, 0);
}
