import type { DType, TypedArray } from './dtype.ts';
import type { Parameter, ParameterStore, Update } from './parameter.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** A piece of a step that ran by itself, or (with no reads and no kernel) what the step began with. */
export interface Ran {
  /** The kernel as `print(step)` names it; null on `cpu()`, where every op runs by itself. */
  readonly kernel: string | null;
  /** The steps of the loops around it, the outermost first. */
  readonly loopSteps: readonly number[];
  /** Values it read, each in C order of its node's shape. */
  readonly reads: ReadonlyMap<Tensor, ArrayLike<number>>;
  /** Values it left. */
  readonly stores: ReadonlyMap<Tensor, ArrayLike<number>>;
  /** Stored nodes that are a parameter's next value. */
  readonly updates: ReadonlyMap<Tensor, Parameter>;
}

/** Looks at what ran. @throws CheckError when there is something wrong with it */
export type Inspect = (ran: Ran) => void;

/** What looks at a step while it runs, piece by piece. */
export interface Inspections {
  /** At what a step begins with and at everything it stores. */
  readonly values?: Inspect;
  /** At everything that something other than the reference has computed. */
  readonly computed?: Inspect;
}

/** What a trace produced: everything an executor needs to run the step. */
export interface Program {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly updates: readonly Update[];
  /** Seed of parameter initialisers. */
  readonly seed: number;
  /** Refuse plans that need more bytes than this. */
  readonly memoryLimit?: number;
  /** Run piece by piece, and show each to these. After an error of theirs, parameters are as before the step. */
  readonly inspect?: Inspections;
}

/** One output of one step, read when somebody asks. */
export interface Value {
  readonly shape: Shape;
  readonly dtype: DType;
  /** All elements in C order. @throws ExpiredValueError when later steps reused its staging buffer */
  data(): Promise<TypedArray>;
  /** The single element of a one-element output; the same errors as `data`. */
  item(): Promise<number>;
}

/** What one step takes, known when it is compiled. */
export interface StepStats {
  /** Kernels that are dispatched in a step, loops run out. */
  readonly dispatches: number;
  /** Bytes of GPU memory that the step holds, without parameters. */
  readonly bytes: number;
  /** Operations on elements in a step. */
  readonly flops: number;
  /** Bytes that the kernels of a step read and write at least. */
  readonly bytesMoved: number;
}

export interface ProfileOptions {
  /**
   * How many times each kernel runs, at least 1. Default: until it has taken 10 ms, since browsers round times to 0.1 ms; with
   * few repeats a short kernel takes 0 ms, and its rates are then given as 0.
   */
  repeats?: number;
}

/** Where the time of one kernel goes. Figures are for one step: all calls of the kernel in it together. */
export interface ProfiledKernel {
  /** Its line in `print(step)`; `5.2` is line 2 of the loop of line 5. */
  readonly line: string;
  /** What it computes: `prologue > op > epilogue`. */
  readonly kernel: string;
  readonly calls: number;
  readonly ms: number;
  /** Operations on elements; a multiply-add is two. */
  readonly flops: number;
  /** Bytes of the elements that it reads and writes, each counted once. */
  readonly bytes: number;
  /** 10⁹ operations per second. */
  readonly gflops: number;
  /** 10⁹ bytes per second. */
  readonly gbs: number;
  /** Part of the time of all kernels, 0 to 1. */
  readonly share: number;
  /**
   * The time it would take at the adapter's peak, arithmetic or memory, whichever takes longer, by the time it took. 1 is as
   * fast as it gets, or above that where data stays in caches.
   */
  readonly roofline: number;
}

/** What `profile(step, inputs)` measured. As a string: a table, slowest kernel first. */
export interface Profile {
  readonly adapter: string;
  /** One row per kernel, in the order in which they run. */
  readonly rows: readonly ProfiledKernel[];
  /** ms of all dispatches of a step, timed one by one. A whole step may take more or less than that. */
  readonly ms: number;
  /** The adapter at its best: 10⁹ multiply-adds' operations in registers, and 10⁹ bytes read and written, per second. */
  readonly peak: { readonly gflops: number; readonly gbs: number };
  toString(): string;
  /**
   * JSON for chrome://tracing and ui.perfetto.dev: the dispatches of a step, laid end to end, each as long as its kernel
   * takes on average.
   */
  toChromeTrace(): string;
}

/** The variant of each kernel that has several: what `tune` measured, as plain JSON. */
export type TuningTable = Readonly<Record<string, string>>;

export interface TuneOptions {
  /** Measure no further kernel after this many milliseconds; default 5,000. Those that are left run as before. */
  budgetMs?: number;
  /**
   * Where measurements are kept for later visits: in browsers the name of a database (IndexedDB), in Node a file in the
   * user's cache folder; or false, to measure anew. Default `chainrule`.
   */
  cache?: string | false;
}

/** A program made ready for one device. */
export interface Executor {
  /** Enqueue one step. Resolves when the work is enqueued, not when it is done. */
  run(inputs: ReadonlyMap<string, TypedArray>): Promise<Map<string, Value>>;
  /** On a GPU only. */
  readonly stats?: StepStats;
  /** Time each kernel; on a GPU only. Parameters stay as they are. */
  profile?(inputs: ReadonlyMap<string, TypedArray>, options: ProfileOptions): Promise<Profile>;
  /** Measure the variants of each kernel and go on with the fastest; on a GPU only. Parameters stay as they are. */
  tune?(options: TuneOptions): Promise<TuningTable>;
  /** What will run, as text. */
  print(): string;
  /** Free the plan's buffers; parameters stay. */
  release(): void;
}

/** Where programs run: `webgpu()` or `cpu()`. */
export interface Device extends ParameterStore {
  readonly name: string;
  build(program: Program): Promise<Executor>;
  destroy(): void;
}
