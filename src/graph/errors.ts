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
      `${op}: expected ${expected}, got ${typeof got === 'string' ? got : String(JSON.stringify(got) ?? got)}`,
    );
  }
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
