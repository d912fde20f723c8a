import type { TypedArray } from '../../src/index.ts';

/** One tensor of a file: its dtype as the file names it, its shape and its elements in C order. */
export interface StoredTensor {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

export interface Safetensors {
  /** The strings of `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** A file that is not what the safetensors format describes. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

const LENGTH_BYTES = 8; // of the little-endian header length
const BYTES_PER_ELEMENT = 4; // of the two dtypes that golden files use

/**
 * Parse a safetensors file of F32 and I32 tensors: 8 bytes header length, JSON header, raw little-endian data.
 *
 * @throws SafetensorsError when the file is cut short, its header is not such a description, or a dtype is another one
 */
export function parseSafetensors(bytes: Uint8Array): Safetensors {
  if (bytes.length < LENGTH_BYTES)
    throw new SafetensorsError(`expected at least ${LENGTH_BYTES} bytes, got ${bytes.length}`);
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const dataStart = LENGTH_BYTES + headerLength;
  if (dataStart > bytes.length)
    throw new SafetensorsError(`expected a header of ${headerLength} bytes, got a file of ${bytes.length}`);
  const { __metadata__: metadata = {}, ...entries } = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart));
  const tensors = new Map(
    Object.entries(entries).map(([name, entry]) => [name, readTensor(name, entry, bytes, dataStart)]),
  );
  return { metadata: metadata as Record<string, string>, tensors };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new SafetensorsError(`expected a JSON header, got ${String(error)}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new SafetensorsError('expected a JSON object as header');
  return header as Record<string, unknown>;
}

function readTensor(name: string, entry: unknown, file: Uint8Array, dataStart: number): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (dtype !== 'F32' && dtype !== 'I32')
    throw new SafetensorsError(`${name}: expected dtype F32 or I32, got ${String(dtype)}`);
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
    throw new SafetensorsError(`${name}: expected a shape and two data_offsets`);
  const [from, to] = offsets as [number, number];
  const size = shape.reduce((product, n) => product * n, 1);
  if (to - from !== size * BYTES_PER_ELEMENT)
    throw new SafetensorsError(
      `${name}: expected ${size * BYTES_PER_ELEMENT} bytes for [${shape.join(', ')}], got ${to - from}`,
    );
  if (dataStart + to > file.length)
    throw new SafetensorsError(
      `${name}: expected data up to byte ${dataStart + to}, got a file of ${file.length}`,
    );
  // a copy, because typed arrays must start at a multiple of their element size
  const { buffer } = Uint8Array.from(file.subarray(dataStart + from, dataStart + to));
  return { dtype, shape, data: dtype === 'F32' ? new Float32Array(buffer) : new Int32Array(buffer) };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Serialise tensors as a safetensors file. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: TypedArray }>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = [...tensors].map(([name, { shape, data }]) => {
    const dtype = data instanceof Float32Array ? 'F32' : 'I32';
    return [name, { dtype, shape, data_offsets: [end, (end += data.byteLength)] }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(LENGTH_BYTES + header.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + header.length;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}
