import {
  ArgumentError,
  ChainruleError,
  DeviceError,
  DTypeError,
  holds,
  inOrder,
  Parameter,
  requireRange,
  requireUpdates,
  sizeOf,
  Tensor,
  withTrace,
  type ArrayOf,
  type Device,
  type DType,
  type Executor,
  type Profile,
  type ProfileOptions,
  type Program,
  type Shape,
  type StepStats,
  type Trace,
  type TuneOptions,
  type TuningTable,
  type TypedArray,
  type Update,
  type Value,
} from './graph/index.ts';
import { add, input } from './ops/index.ts';

/** What a step expects for one input. */
export interface InputSpec<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
}

const spec =
  <D extends DType>(dtype: D) =>
  (...shape: number[]): InputSpec<D> => {
    if (!shape.every((size) => Number.isInteger(size) && size >= 0))
      throw new ArgumentError(dtype, 'sizes that are whole numbers', shape);
    return { dtype, shape };
  };

/** Declare an f32 input by its sizes, e.g. `f32(64, 784)`; its data is a Float32Array in C order. */
export const f32 = spec('f32');
/** Declare an i32 input, e.g. `i32(64)`; its data is an Int32Array. */
export const i32 = spec('i32');
/** Declare a u32 input; its data is a Uint32Array. */
export const u32 = spec('u32');
/** Declare a bool input; its data is a Uint32Array of 0 and 1. */
export const bool = spec('bool');

/** The inputs of a step by name. */
export type Signature = Readonly<Record<string, InputSpec>>;
/** What the traced function gets: one node per input. */
export type InputTensors<S extends Signature> = { readonly [K in keyof S]: Tensor };
/** What a call of the step gets: one typed array per input, in C order. */
export type InputData<S extends Signature> = { readonly [K in keyof S]: ArrayOf<S[K]['dtype']> };

/** What the traced function returns. */
export interface StepResult<O extends Readonly<Record<string, Tensor>>> {
  readonly outputs: O;
  /** Next values of parameters, all computed from the values before the step. */
  readonly updates?: readonly Update[];
}

export interface CompileOptions {
  /** Seed of parameter initialisers and random streams; default 0. */
  seed?: number;
  /** Refuse to build a plan that needs more than this many bytes of GPU memory. */
  memoryLimit?: number;
  /**
   * `'cpu'`: run each step kernel by kernel, compute what each has stored on the reference, from the same inputs, and
   * reject with `CheckError` at the first one that differs by more than float32 and WGSL's accuracies can explain. Slower
   * than `cpu()`, where it does nothing.
   */
  check?: 'cpu';
  /** How many times further off than that `check` lets a value be; default 1. */
  checkTolerance?: number;
  /**
   * `'nan'`: reject with `CheckError` when an input, a parameter or a stored value is NaN or infinite, and name the op
   * that made it. On WebGPU a step then runs kernel by kernel; on `cpu()` op by op, so that it also sees what a kernel
   * makes and throws away, such as the logarithm in `where(x > 0, log(x), 0)`.
   */
  debug?: 'nan';
}

/** A compiled function: call it with data, get handles to its outputs. */
export interface Step<S extends Signature, O> {
  /**
   * Enqueue one step. Resolves when the work is enqueued, after all steps that were called before on the device;
   * until then the data must not change. Read results now and then, not every step.
   *
   * @throws ArgumentError or DTypeError when the data does not fit the signature, or lengths among it the sequences (see
   *   `scan`), before anything runs; CheckError as the options `check` and `debug` say, and then parameters are as before
   *   the step, while a learning-rate schedule has moved on
   */
  (inputs: InputData<S>): Promise<{ readonly [K in keyof O]: Value }>;
  /** The counter of the step's random streams, or null when it draws none. Save it to resume exactly. */
  readonly rng: Parameter | null;
  /** What a step of the latest shapes takes; null on `cpu()`, where there are no kernels. */
  readonly stats: StepStats | null;
  /** See the function `profile`. */
  profile(inputs: InputData<S>, options?: ProfileOptions): Promise<Profile>;
  /** See the function `tune`. */
  tune(options?: TuneOptions): Promise<TuningTable>;
  /** Free the buffers of all plans; parameters stay on the device. */
  release(): void;
  /** The plan of the latest shapes, as text. */
  toString(): string;
}

interface Built extends Pick<Trace, 'inputRanges'> {
  readonly executor: Executor;
}

/** Plans kept for other leading sizes; the least recently used one is released. */
const PLANS_KEPT = 4;

/**
 * Trace `fn` once and make it ready to run on `device` as one plan.
 *
 * A call whose inputs have another leading size traces again (the last 4 sizes are kept). All updates take
 * effect together at the end of a step; `fn` sees the values from before it.
 *
 * @param signature dtype and shape of each input
 * @param fn builds the graph; called once per set of leading sizes, never per step
 * @returns the step, ready to run: its pipelines are compiled and its buffers exist
 * @throws whatever `fn` throws while tracing (shape errors); ChainruleError for two updates of one parameter;
 *   DeviceError when the plan cannot be built, OutOfMemoryError among them; ArgumentError for unknown options of `check`
 *   and `debug`
 */
export async function compile<S extends Signature, O extends Readonly<Record<string, Tensor>>>(
  device: Device,
  signature: S,
  fn: (inputs: InputTensors<S>) => StepResult<O>,
  options: CompileOptions = {},
): Promise<Step<S, O>> {
  checkOptions(options);
  // Loaded only when it is asked for: a bundle for WebGPU has the reference in a chunk of its own.
  const inspect =
    options.check || options.debug ? (await import('./check.ts')).inspections(options) : undefined;
  const plans = new Map<string, Promise<Built>>();
  let rng: Parameter | null = null;

  function build(shapes: ReadonlyMap<string, Shape>): Promise<Built> {
    const key = [...shapes.values()].map((shape) => shape[0] ?? '').join(',');
    let plan = plans.get(key);
    if (plan)
      plans.delete(key); // set again below: a Map keeps insertion order, so the first key is the oldest
    else plan = buildNew(shapes);
    plans.set(key, plan);
    plan.catch(() => plans.delete(key));
    if (plans.size > PLANS_KEPT) {
      const [oldest, evicted] = plans.entries().next().value!;
      plans.delete(oldest);
      void evicted.then(({ executor }) => executor.release());
    }
    return plan;
  }

  function buildNew(shapes: ReadonlyMap<string, Shape>): Promise<Built> {
    const { program, inputRanges } = traceProgram(shapes);
    return device.build(program).then((executor) => ({ executor, inputRanges }));
  }

  /** The executor for data of these shapes, if the data suits it. */
  async function executorFor(
    values: ReadonlyMap<string, TypedArray>,
    shapes: ReadonlyMap<string, Shape>,
  ): Promise<Executor> {
    const { executor, inputRanges } = await build(shapes);
    for (const range of inputRanges) requireRange(range, values.get(range.input)!);
    return executor;
  }

  function traceProgram(
    shapes: ReadonlyMap<string, Shape>,
  ): { program: Program } & Pick<Trace, 'inputRanges'> {
    const inputs = new Map(
      [...shapes].map(([name, shape]) => [name, input(name, shape, signature[name]!.dtype)]),
    );
    let streams = 0;
    let drewRandom = false;
    const trace: Trace = {
      seed: options.seed ?? 0,
      rngCounter() {
        drewRandom = true;
        return (rng ??= new Parameter([], () => [0], { name: 'rng', dtype: 'u32', trainable: false }));
      },
      nextStream: () => streams++,
      updates: [],
      inputRanges: [],
    };
    const result = withTrace(trace, () => {
      const { outputs, updates = [] } = resultOf(
        fn(Object.fromEntries(inputs) as unknown as InputTensors<S>),
      );
      const all = [...updates, ...trace.updates];
      if (drewRandom) all.push([rng!, add(rng!, 1)]);
      return { outputs, updates: all };
    });
    checkProgram(result.outputs, result.updates);
    const program = {
      inputs,
      outputs: new Map(Object.entries(result.outputs)),
      updates: result.updates,
      seed: trace.seed,
      ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
      ...(inspect && { inspect }),
    };
    return { program, inputRanges: trace.inputRanges };
  }

  const declared = new Map(Object.entries(signature).map(([name, { shape }]) => [name, shape]));
  let latest = (await build(declared)).executor;

  /** Data by name, and its shapes, if it fits the signature. */
  function accept(data: InputData<S>) {
    const values = new Map<string, TypedArray>();
    const shapes = new Map<string, Shape>();
    for (const [name, expected] of Object.entries(signature)) {
      const array = data[name as keyof S] as TypedArray;
      shapes.set(name, shapeOfData(name, expected, array));
      values.set(name, array);
    }
    for (const name of Object.keys(data))
      if (!(name in signature))
        throw new ArgumentError('step', `inputs ${Object.keys(signature).join(', ')}`, name);
    return { values, shapes };
  }

  const notOnGpu = (what: string) =>
    new DeviceError(`${what}: expected a step compiled for webgpu(), got one for ${device.name}`);

  async function step(data: InputData<S> = {} as InputData<S>): Promise<{ readonly [K in keyof O]: Value }> {
    const { values, shapes } = accept(data);
    // Also when nobody waits in between, and when one of the steps still has to be compiled.
    return inOrder(device, async () => {
      latest = await executorFor(values, shapes);
      return Object.fromEntries(await latest.run(values)) as { readonly [K in keyof O]: Value };
    });
  }

  return Object.defineProperties(step as Step<S, O>, {
    rng: { get: () => rng },
    stats: { get: () => latest.stats ?? null },
    profile: {
      async value(data: InputData<S>, profileOptions: ProfileOptions = {}) {
        const { values, shapes } = accept(data);
        return inOrder(device, async () => {
          latest = await executorFor(values, shapes);
          if (!latest.profile) throw notOnGpu('profile');
          return latest.profile(values, profileOptions);
        });
      },
    },
    tune: {
      value: (tuneOptions: TuneOptions = {}) =>
        inOrder(device, () => {
          if (!latest.tune) throw notOnGpu('tune');
          return latest.tune(tuneOptions);
        }),
    },
    release: {
      value() {
        // steps that were called before still need the buffers
        void inOrder(device, () => {
          for (const plan of plans.values()) void plan.then(({ executor }) => executor.release());
          plans.clear();
        });
      },
    },
    toString: { value: () => latest.print() },
  });
}

/** The plan of a compiled step, as text: on WebGPU one line per kernel and the bytes, on `cpu()` the graph. */
export function print(step: { toString(): string }): string {
  return step.toString();
}

/**
 * Where the time of a step goes, kernel by kernel, from the GPU's own clock: each kernel runs in passes of its own until it
 * has taken 10 ms, in the order of a step. Waits for the GPU; takes seconds on a software adapter.
 *
 * Nothing is trained: parameters, optimizer state and random counters are as before, and a learning-rate schedule does not
 * move. Peaks of arithmetic and memory, which rows are compared with, are measured at the first call on a device.
 *
 * @param inputs data of one step, as for a call of the step
 * @returns rows as data, a table as `String(result)`, and `result.toChromeTrace()` for chrome://tracing
 * @throws DeviceError on `cpu()` and on adapters without the feature timestamp-query; ArgumentError or DTypeError when the
 *   data does not fit the signature or `repeats` is below 1
 */
export function profile<S extends Signature, O>(
  step: Step<S, O>,
  inputs: InputData<S>,
  options: ProfileOptions = {},
): Promise<Profile> {
  return step.profile(inputs, options);
}

/**
 * Make a step faster on this adapter: measure the variants of each of its kernels (tiles of products, rows per invocation of
 * attention, …), and run the step with the fastest from now on. Steps that are compiled later on the same device use what was
 * measured, too; those compiled before stay as they are.
 *
 * Nothing is trained: parameters, optimizer state and random counters are as before. Variants sum in different orders, so
 * that results may differ in their last bits from those of before. Keep the table and give it to
 * `webgpu({ tuning })` where the same bits are wanted again, on this machine or another one.
 *
 * @param step as its latest shapes have compiled it
 * @returns the variant of each kernel that has several, by op and shapes
 * @throws DeviceError on `cpu()`; ArgumentError for a `budgetMs` below 0
 */
export function tune(
  step: Pick<Step<Signature, unknown>, 'tune'>,
  options: TuneOptions = {},
): Promise<TuningTable> {
  return step.tune(options);
}

/** The shape of an input's data: that of its spec, but for the leading size. */
function shapeOfData(name: string, { dtype, shape }: InputSpec, array: TypedArray | undefined): Shape {
  if (!holds(dtype, array))
    throw new DTypeError(
      `step input ${name}`,
      `${dtype} data`,
      array === undefined ? 'nothing' : Object(array).constructor.name,
    );
  const row = sizeOf(shape.slice(1));
  const leading = shape.length === 0 ? 1 : array.length / row;
  if (!Number.isInteger(leading) || leading < 1 || (shape.length === 0 && array.length !== 1)) {
    throw new ArgumentError(
      `step input ${name}`,
      `a positive multiple of ${row} elements for [${shape.join(', ')}]`,
      `${array.length}`,
    );
  }
  return shape.length === 0 ? shape : [leading, ...shape.slice(1)];
}

/** What the traced function returned, if it has the form that `compile` asks for. */
function resultOf<O extends Readonly<Record<string, Tensor>>>(
  result: StepResult<O> | undefined,
): StepResult<O> {
  if (typeof result !== 'object' || typeof result.outputs !== 'object' || result.outputs === null)
    throw new ChainruleError(
      'compile: expected the traced function to return { outputs, updates? }, got no outputs. It must not be async.',
    );
  return result;
}

function checkOptions({ check, checkTolerance = 1, debug }: CompileOptions): void {
  const refuse = (name: string, expected: string, got: unknown) => {
    throw new ArgumentError('compile', `${name} ${expected}`, got);
  };
  if (check !== undefined && check !== 'cpu') refuse('check', "to be 'cpu'", check);
  if (debug !== undefined && debug !== 'nan') refuse('debug', "to be 'nan'", debug);
  if (!(checkTolerance > 0)) refuse('checkTolerance', 'above 0', checkTolerance);
}

function checkProgram(outputs: Readonly<Record<string, Tensor>>, updates: readonly Update[]): void {
  for (const [name, node] of Object.entries(outputs)) {
    if (!(node instanceof Tensor))
      throw new ChainruleError(`compile: expected outputs to be tensors, got ${typeof node} for ${name}`);
  }
  requireUpdates('compile', updates);
}
