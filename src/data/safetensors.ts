import {
  BYTES_PER_ELEMENT,
  newArray,
  sizeOf,
  type DType,
  type Shape,
  type TypedArray,
} from '../graph/index.ts';
import { DataFormatError } from './errors.ts';

/** A tensor outside of a graph: its shape and its elements in C order. */
export interface StoredTensor {
  readonly shape: Shape;
  readonly data: TypedArray;
}

/** Contents of a safetensors file. */
export interface Safetensors {
  readonly tensors: Map<string, StoredTensor>;
  /** The free text under `__metadata__`; empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [from: number, to: number];
}

const LENGTH_BYTES = 8;
const METADATA = '__metadata__';
const DTYPES: Readonly<Record<string, DType>> = { F32: 'f32', I32: 'i32', U32: 'u32' };

/**
 * Write tensors as a safetensors file: 8 bytes of little-endian header length, a JSON header padded with spaces to a
 * multiple of 8 bytes, then the elements, little-endian in C order (the format's README, github.com/huggingface/safetensors).
 *
 * @param tensors by name, such as a model's parameters by path; Float32Array, Int32Array and Uint32Array become F32, I32, U32
 * @param metadata text to keep with them
 * @throws DataFormatError when a shape and its data differ in size, or a tensor has the reserved name `__metadata__`
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA)
      throw new DataFormatError('encodeSafetensors', 'a name that is not reserved', name);
    if (sizeOf(shape) !== data.length)
      throw new DataFormatError(`encodeSafetensors ${name}`, `${sizeOf(shape)} elements`, `${data.length}`);
    const dtype = data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U32';
    header.push([name, { dtype, shape, data_offsets: [end, (end += data.byteLength)] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const start = LENGTH_BYTES + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(start + end).fill(0x20, LENGTH_BYTES, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - LENGTH_BYTES), true);
  bytes.set(json, LENGTH_BYTES);
  let at = start;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * Read a safetensors file of F32, I32 and U32 tensors; see `encodeSafetensors` for the format.
 *
 * @returns the tensors, copied, in the header's order, and the metadata
 * @throws DataFormatError when the file is cut off or too long, its header is broken, a tensor has another dtype,
 *   or the tensors do not fill the data exactly, without overlap
 */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  const fail = (expected: string, got: string): never => {
    throw new DataFormatError('decodeSafetensors', expected, got);
  };
  if (bytes.length < LENGTH_BYTES) fail(`at least ${LENGTH_BYTES} bytes`, `${bytes.length}`);
  const headerBytes = Number(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true),
  );
  const start = LENGTH_BYTES + headerBytes;
  if (bytes.length < start) fail(`a header of ${headerBytes} bytes`, `a file of ${bytes.length}`);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, start));
  const { [METADATA]: metadata = {}, ...entries } = header as { [METADATA]?: Record<string, string> };
  const tensors = new Map<string, StoredTensor>();
  const ranges: [from: number, to: number][] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (!isEntry(entry)) return fail(`dtype, shape and data_offsets for ${name}`, JSON.stringify(entry));
    const dtype =
      DTYPES[entry.dtype] ?? fail(`dtype ${Object.keys(DTYPES).join(', ')} for ${name}`, entry.dtype);
    const [from, to] = entry.data_offsets;
    const size = sizeOf(entry.shape);
    if (to - from !== size * BYTES_PER_ELEMENT)
      fail(`${size * BYTES_PER_ELEMENT} bytes for ${name} [${entry.shape.join(', ')}]`, `${to - from}`);
    if (start + to > bytes.length) fail(`${to} bytes of data for ${name}`, `${bytes.length - start}`);
    const data = newArray(dtype, size);
    new Uint8Array(data.buffer).set(bytes.subarray(start + from, start + to));
    tensors.set(name, { shape: entry.shape, data });
    ranges.push([from, to]);
  }
  let end = 0;
  for (const [from, to] of ranges.sort(([a0, a1], [b0, b1]) => a0 - b0 || a1 - b1)) {
    if (from !== end) fail(`the next tensor at byte ${end} of the data`, `${from}`);
    end = to;
  }
  if (start + end !== bytes.length) fail(`${end} bytes of data`, `${bytes.length - start}`);
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataFormatError('decodeSafetensors', 'a JSON header', String(error));
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new DataFormatError('decodeSafetensors', 'a JSON object as header', JSON.stringify(header));
  return header;
}

function isEntry(entry: unknown): entry is Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Entry>;
  const areSizes = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((size) => Number.isSafeInteger(size) && size >= 0);
  return typeof dtype === 'string' && areSizes(shape) && areSizes(offsets) && offsets.length === 2;
}
