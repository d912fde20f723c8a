import { sizeOf, type Shape } from '../graph/index.ts';
import { DataFormatError } from './errors.ts';

/** Host arrays of the element types that IDX knows. */
export interface IdxArrays {
  u8: Uint8Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
}

/** Contents of an IDX file: `data` holds the elements in C order. */
export type IdxArray = {
  [D in keyof IdxArrays]: { readonly shape: Shape; readonly dtype: D; readonly data: IdxArrays[D] };
}[keyof IdxArrays];

interface ElementType {
  readonly dtype: keyof IdxArrays;
  readonly bytes: number;
  /** Elements from big-endian bytes. */
  read(view: DataView, length: number): IdxArrays[keyof IdxArrays];
}

/** The third byte of the magic number. */
const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  0x08: {
    dtype: 'u8',
    bytes: 1,
    read: (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice(),
  },
  0x09: {
    dtype: 'i8',
    bytes: 1,
    read: (view) => new Int8Array(view.buffer, view.byteOffset, view.byteLength).slice(),
  },
  0x0b: {
    dtype: 'i16',
    bytes: 2,
    read: (view, length) => Int16Array.from({ length }, (_, i) => view.getInt16(2 * i)),
  },
  0x0c: {
    dtype: 'i32',
    bytes: 4,
    read: (view, length) => Int32Array.from({ length }, (_, i) => view.getInt32(4 * i)),
  },
  0x0d: {
    dtype: 'f32',
    bytes: 4,
    read: (view, length) => Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i)),
  },
  0x0e: {
    dtype: 'f64',
    bytes: 8,
    read: (view, length) => Float64Array.from({ length }, (_, i) => view.getFloat64(8 * i)),
  },
};

/**
 * Parse an IDX file, the format of MNIST: two zero bytes, the element type, the number of axes, one big-endian u32 size
 * per axis, then the elements, big-endian in C order (LeCun, Cortes and Burges, "The MNIST database", file formats).
 *
 * @param bytes the whole file, not compressed
 * @returns shape, element type, and a copy of the elements
 * @throws DataFormatError for another magic number, and for fewer or more bytes than the header promises
 */
export function parseIdx(bytes: Uint8Array): IdxArray {
  if (bytes.length < 4)
    throw new DataFormatError('parseIdx', 'a header of at least 4 bytes', `${bytes.length}`);
  const [zero0, zero1, code, rank] = bytes as unknown as [number, number, number, number];
  const type = ELEMENT_TYPES[code];
  if (zero0 !== 0 || zero1 !== 0 || type === undefined) {
    const hint = zero0 === 0x1f && zero1 === 0x8b ? ' (a gzip file: decompress it first)' : '';
    throw new DataFormatError(
      'parseIdx',
      'a magic number 00 00, type 08, 09 or 0b to 0e, rank',
      `${[...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}${hint}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 4 + 4 * rank;
  if (bytes.length < start)
    throw new DataFormatError('parseIdx', `a header of ${start} bytes for ${rank} axes`, `${bytes.length}`);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const length = sizeOf(shape);
  const end = start + length * type.bytes;
  if (bytes.length !== end)
    throw new DataFormatError(
      'parseIdx',
      `${end} bytes for ${type.dtype} [${shape.join(', ')}]`,
      `${bytes.length}`,
    );
  const data = type.read(new DataView(bytes.buffer, bytes.byteOffset + start, end - start), length);
  return { shape, dtype: type.dtype, data } as IdxArray;
}
