import { data, type Signature, type TypedArray } from '../../src/index.ts';

export type Backend = 'cpu' | 'webgpu';

/** One line of `index.json`. */
export interface IndexEntry {
  readonly file: string;
  readonly group: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly optional: boolean;
  /** `cpu,gpu` or `cpu`. */
  readonly backends: string;
}

/** [rtol, atol] of one tensor on each backend. */
export type Tolerance = Readonly<Record<'cpu' | 'gpu', readonly [rtol: number, atol: number]>>;

/** The operation or one of its settings does not exist in the library yet. */
export class MissingError extends Error {
  override readonly name = 'MissingError';
}

/**
 * The attributes of a case. Each one must be asked for: a builder that does not know a setting would
 * otherwise pass over it, and the case would test something else than it says.
 */
export class Attrs {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = new Map(Object.entries(values));
  }

  /** The value of `name`, or `fallback` when the case does not say. */
  get<T>(name: string, fallback?: T): T {
    this.#asked.add(name);
    const value = this.#values.get(name);
    if (value !== undefined) return value as T;
    if (fallback === undefined) throw new Error(`expected an attribute ${name}`);
    return fallback;
  }

  /** @throws MissingError unless `name` is absent or one of `supported` */
  only(name: string, ...supported: unknown[]): void {
    const value = this.get<unknown>(name, null);
    if (value !== null && !supported.includes(value))
      throw new MissingError(`${name} = ${JSON.stringify(value)} is not supported`);
  }

  /** Attributes that describe the case and change nothing in its computation. */
  describes(...names: string[]): void {
    for (const name of names) this.#asked.add(name);
  }

  /** @throws MissingError when the case has a setting that nobody asked for */
  requireAllKnown(): void {
    const unknown = [...this.#values.keys()].filter((name) => !this.#asked.has(name));
    if (unknown.length > 0) throw new MissingError(`setting ${unknown.join(', ')} is not supported`);
  }
}

/** A case read from its file. */
export interface TensorCase {
  readonly op: string;
  readonly attrs: Attrs;
  readonly tensors: ReadonlyMap<string, data.StoredTensor>;
  readonly tolerances: Readonly<Record<string, Tolerance>>;
}

export function parseCase(bytes: Uint8Array): TensorCase {
  const { metadata, tensors } = data.decodeSafetensors(bytes);
  if (metadata['format'] !== 'golden/1')
    throw new Error(`expected format golden/1, got ${metadata['format'] ?? 'none'}`);
  return {
    op: metadata['op']!,
    attrs: new Attrs(JSON.parse(metadata['attrs'] ?? '{}') as Record<string, unknown>),
    tensors,
    tolerances: JSON.parse(metadata['tol'] ?? '{}') as Record<string, Tolerance>,
  };
}

/** The tensors whose name starts with `prefix.`, without it. */
export function withPrefix(golden: TensorCase, prefix: string): Map<string, data.StoredTensor> {
  const start = `${prefix}.`;
  return new Map(
    [...golden.tensors].flatMap(([name, tensor]) =>
      name.startsWith(start) ? [[name.slice(start.length), tensor]] : [],
    ),
  );
}

/** What `compile` needs to take these tensors as inputs of a step, and their data. */
export function asInputs(tensors: ReadonlyMap<string, data.StoredTensor>): {
  signature: Signature;
  data: Record<string, TypedArray>;
} {
  const entries = [...tensors];
  return {
    signature: Object.fromEntries(
      entries.map(([name, { shape, data }]) => [
        name,
        { dtype: data instanceof Float32Array ? 'f32' : 'i32', shape },
      ]),
    ),
    data: Object.fromEntries(entries.map(([name, { data }]) => [name, data])),
  };
}

/** Results of a case by golden name: `out.y`, `grad.x`, `final.l.0.weight`. */
export type Results = Map<string, { readonly shape: readonly number[]; readonly data: TypedArray }>;
