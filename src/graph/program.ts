import type { DType, TypedArray } from './dtype.ts';
import type { ParameterStore, Update } from './parameter.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** What a trace produced: everything an executor needs to run the step. */
export interface Program {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly updates: readonly Update[];
  /** Seed of parameter initialisers. */
  readonly seed: number;
  /** Refuse plans that need more bytes than this. */
  readonly memoryLimit?: number;
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

/** A program made ready for one device. */
export interface Executor {
  /** Enqueue one step. Resolves when the work is enqueued, not when it is done. */
  run(inputs: ReadonlyMap<string, TypedArray>): Promise<Map<string, Value>>;
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
