/** Element types of a graph tensor. `bool` is stored as u32 0 or 1. */
export type DType = 'f32' | 'i32' | 'u32' | 'bool';

/** Host arrays that hold tensor elements. */
export type TypedArray = Float32Array | Int32Array | Uint32Array;

/** The host array type of a dtype. */
export type ArrayOf<D extends DType> = D extends 'f32'
  ? Float32Array
  : D extends 'i32'
    ? Int32Array
    : Uint32Array;

/** Bytes per element; every dtype is stored in 32 bits. */
export const BYTES_PER_ELEMENT = 4;

/** A zeroed host array for `length` elements of `dtype`. */
export function newArray(dtype: DType, length: number): TypedArray {
  if (dtype === 'f32') return new Float32Array(length);
  return dtype === 'i32' ? new Int32Array(length) : new Uint32Array(length);
}

/** A host array of `dtype` over existing bytes. */
export function arrayOver(dtype: DType, bytes: ArrayBuffer): TypedArray {
  if (dtype === 'f32') return new Float32Array(bytes);
  return dtype === 'i32' ? new Int32Array(bytes) : new Uint32Array(bytes);
}

/** True when `array` is the host array type of `dtype`. */
export function holds(dtype: DType, array: unknown): array is TypedArray {
  if (dtype === 'f32') return array instanceof Float32Array;
  if (dtype === 'i32') return array instanceof Int32Array;
  return array instanceof Uint32Array;
}
