// What the harness and the adapters (adapters/<library>.ts) agree on.
import type { Profile } from '../../src/index.ts';

/** One array of the shared data. */
export interface Field {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
  readonly data: Float32Array | Int32Array;
  /** Of class indices: how many classes there are. */
  readonly classes?: number;
}

export interface OptimizerSpec {
  readonly kind: string;
  readonly lr: number;
  readonly b1?: number;
  readonly b2?: number;
  readonly eps?: number;
  readonly momentum?: number;
}

/** One entry of workloads.mjs. */
export interface Workload {
  readonly kind: 'train' | 'forward';
  /** Forward workloads: which op. */
  readonly op?: string;
  /** `std` 0: zeros; 'ones': ones; otherwise N(0, std²). */
  readonly params?: [name: string, shape: number[], std: number | 'ones'][];
  /** Kinds: normal, uniform, binary, int:<classes>. */
  readonly data: [name: string, shape: number[], kind: string][];
  readonly opt?: OptimizerSpec;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly flop?: number;
  readonly bytes?: number;
  /** Parameters that the loss does not determine: libraries may move them differently. */
  readonly undetermined?: string[];
}

/** What every library starts from. Convolution kernels are HWIO, dense weights [in, out], images NHWC. */
export interface Shared {
  readonly name: string;
  readonly spec: Workload;
  readonly params: Readonly<Record<string, Field>>;
  /** Step i uses batches[i % batches.length]. */
  readonly batches: readonly Readonly<Record<string, Field>>[];
}

/** Where a library keeps the batches that training cycles through. */
export type DataMode = 'resident' | 'upload';

export interface BuildOptions {
  /**
   * `resident`: on the device before anything is timed; `upload`: in host memory, sent with each step. A
   * library with one way only ignores this and says so in its notes.
   */
  readonly data: DataMode;
}

/** A workload made ready in one library. */
export interface Runner {
  /** Enqueue step `i`: forward, backward and update, or one forward op. Nothing is read back. */
  step(i: number): void | Promise<void>;
  /** Training: read the loss of the last step. */
  loss(): Promise<number>;
  /** Resolves when all enqueued work is done. */
  finish(): Promise<void>;
  /** Training: current parameters by name, in the shared layouts. */
  parameters(): Promise<Record<string, Float32Array>>;
  /** Forward workloads: read the last output. */
  output(): Promise<Float32Array>;
  /** Time the kernels of a step one by one, where the library can. Parameters stay as they are. */
  profile?(): Promise<Profile>;
  dispose(): void;
  /** Said in the report. */
  readonly notes?: string[];
}

/** One library; the default export of its adapter. */
export interface Adapter {
  readonly name: string;
  readonly version: string;
  /** Bring the library up; returns a description of the backend. */
  init(): Promise<string>;
  /** Upload weights and batches; throws NotImplemented when the library cannot do the workload. */
  build(shared: Shared, options: BuildOptions): Promise<Runner>;
}

/** A workload that an adapter leaves out; reported, but not a failure of the run. */
export class NotImplemented extends Error {
  constructor(library: string, workload: string) {
    super(`not implemented: ${workload} in ${library}`);
    this.name = 'NotImplemented';
  }
}

/** For members of Runner that the workload's kind has no use for. */
export function unused(): never {
  throw new Error('called for the other kind of workload');
}

/** A function that finds entries by name and throws for a name that is not there. */
export function lookup<T>(entries: Readonly<Record<string, T>>): (name: string) => T {
  return (name) => {
    const entry = entries[name];
    if (entry === undefined) throw new Error(`no entry ${name} among ${Object.keys(entries).join(', ')}`);
    return entry;
  };
}

/** The same keys with other values. */
export function mapValues<T, U>(
  entries: Readonly<Record<string, T>>,
  f: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, f(value, name)]));
}

/** Class indices [...] as rows [..., classes] of 0 and one 1. */
export function oneHot({ data, classes = 0 }: Field): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(data.length * classes);
  data.forEach((label, i) => {
    rows[i * classes + label] = 1;
  });
  return rows;
}
