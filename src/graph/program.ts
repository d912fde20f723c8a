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
