import { formatShape, type Shape } from './shape.ts';

/** Base class of every error this library throws on purpose. */
export class ChainruleError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Shapes that an op cannot combine. Thrown by the op call that built the node. */
export class ShapeError extends ChainruleError {
  constructor(op: string, got: readonly Shape[], expected: string, hint = '') {
    super(`${op}: expected ${expected}, got ${got.map(formatShape).join(' and ')}${hint && `. ${hint}`}`);
  }
}

/** A dtype that an op does not accept. */
export class DTypeError extends ChainruleError {
  constructor(op: string, expected: string, got: string) {
    super(`${op}: expected ${expected}, got ${got}`);
  }
}

/** An argument or option with a value outside its domain. */
export class ArgumentError extends ChainruleError {
  constructor(op: string, expected: string, got: unknown) {
    super(
      // JSON has no NaN and no infinities
      `${op}: expected ${expected}, got ${typeof got === 'string' || typeof got === 'number' ? got : String(JSON.stringify(got) ?? got)}`,
    );
  }
}

/** @throws ArgumentError unless the option `name` is one of `choices`: a misspelt one must not stand for a default */
export function requireOneOf<T extends string>(
  op: string,
  name: string,
  choices: readonly T[],
  value: T,
): void {
  if (choices.includes(value)) return;
  const quoted = choices.map((choice) => `'${choice}'`);
  throw new ArgumentError(op, `${name} ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)!}`, value);
}

/** What an op wants of some values. */
export interface ValueRange {
  readonly op: string;
  /** What they are, in the plural. */
  readonly what: string;
  readonly least: number;
  readonly most: number;
  /** The input of a step that they came with. */
  readonly input?: string;
}

/** @throws ArgumentError naming the first of `values` outside `least` … `most` */
export function requireRange({ op, what, least, most, input }: ValueRange, values: ArrayLike<number>): void {
  const of = input === undefined ? '' : ` of input ${input}`;
  for (let i = 0; i < values.length; i++)
    if (!(values[i]! >= least && values[i]! <= most))
      throw new ArgumentError(op, `${what} from ${least} to ${most}`, `${values[i]} at element ${i}${of}`);
}

/** `grad` was given a loss that is not a scalar or tensors that are not f32, or met a rule that gives a wrong shape. */
export class GradientError extends ChainruleError {}

/** No usable GPU adapter, or one that lacks what a plan needs. */
export class DeviceError extends ChainruleError {}

/** The GPU device was lost; parameters live on only in what was read back before. */
export class DeviceLostError extends DeviceError {}

/** The GPU ran out of memory, or a plan needs more than the limit it was given. */
export class OutOfMemoryError extends DeviceError {}

/** A step's output was asked for after its staging buffer had been reused by later steps. */
export class ExpiredValueError extends ChainruleError {}

/** Where a checked step went wrong. */
export interface Finding {
  /** The op, or the input or parameter, that is wrong. */
  readonly op: string;
  /** The kernel that ran it, as `print(step)` names it; null on `cpu()` and for what a step began with. */
  readonly kernel: string | null;
  /** The steps of the loops (`scan`) it ran in, the outermost first. */
  readonly loopSteps: readonly number[];
  /** The shape of the op's result, in the axis order in which the plan keeps it: channels last for images. */
  readonly shape: Shape;
  /** The first wrong element. */
  readonly index: readonly number[];
  readonly got: number;
  /** What the reference computes from the same inputs; null when any finite value would do. */
  readonly expected: number | null;
}

/** A step compiled with `check` or `debug` gave something wrong; `finding` says where. */
export class CheckError extends ChainruleError {
  readonly finding: Finding;

  constructor(message: string, finding: Finding) {
    super(message);
    this.finding = finding;
  }
}
