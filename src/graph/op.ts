import type { DType } from './dtype.ts';
import type { Shape } from './shape.ts';
import { Tensor } from './tensor.ts';

/**
 * How an op touches memory; the compiler needs no more than this to decide what it may fuse.
 * - `source`: has a buffer before the step starts (input, parameter, constant, host scalar).
 * - `view`: element i of the result is element f(i) of the input, f affine or a reshape.
 * - `pointwise`: element i of the result needs only element i of each input (or none at all).
 * - `indexed`: like pointwise, but reads its inputs at computed positions (pad, concat, gather).
 * - `reduction`: combines elements along axes; its kernel reads the input through generated code, so it can
 *   compute what it reads.
 * - `kernel`: everything else that one kernel computes.
 * - `loop`: a graph of its own, run several times. It has several results, and no buffer but theirs.
 * - `part`: one of the results of its only input, a loop.
 */
export type OpKind = 'source' | 'view' | 'pointwise' | 'indexed' | 'reduction' | 'kernel' | 'loop' | 'part';

/** One op: its shape rule and its gradient rule. References and kernels are separate tables. */
export interface Op<Name extends string, Attrs> {
  readonly name: Name;
  readonly kind: OpKind;
  /** Result shape; throws a typed error when the inputs do not fit. */
  shape(inputs: readonly Tensor[], attrs: Attrs): Shape;
  /** Result dtype. Default: the dtype of the first input. */
  dtype(inputs: readonly Tensor[], attrs: Attrs): DType;
  /**
   * Gradient rule: cotangents of the inputs from the cotangent of the output, written with ops.
   * `null` entries get no gradient; a `null` rule stops it altogether.
   */
  readonly vjp:
    | null
    | ((
        cotangent: Tensor,
        inputs: readonly Tensor[],
        attrs: Attrs,
        output: Tensor,
      ) => readonly (Tensor | null)[]);
  /** The gradient rule of an op with several results, instead of `vjp`: cotangents of those parts that have one. */
  readonly vjpOfParts?: (
    parts: readonly { readonly part: Tensor; readonly cotangent: Tensor }[],
    inputs: readonly Tensor[],
    attrs: Attrs,
    output: Tensor,
  ) => readonly (Tensor | null)[];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyOp = Op<string, any>;

/** The attribute type of an op record. */
export type AttrsOf<O> = O extends { shape(inputs: readonly Tensor[], attrs: infer Attrs): Shape }
  ? Attrs
  : never;

/** Declare an op; see CONTRIBUTING.md for the four places a new one needs. */
export function defineOp<const Name extends string, Attrs = Record<never, never>>(record: {
  name: Name;
  kind: OpKind;
  shape: Op<Name, Attrs>['shape'];
  dtype?: Op<Name, Attrs>['dtype'];
  vjp: Op<Name, Attrs>['vjp'];
  vjpOfParts?: NonNullable<Op<Name, Attrs>['vjpOfParts']>;
}): Op<Name, Attrs> {
  return { dtype: (inputs) => inputs[0]!.dtype, ...record };
}

/** Add a node to the graph; shape errors are thrown here, in the caller's stack frame. */
export function emit<Name extends string, Attrs>(
  op: Op<Name, Attrs>,
  inputs: readonly Tensor[],
  attrs: Attrs,
): Tensor {
  return new Tensor(op, inputs, attrs, op.shape(inputs, attrs), op.dtype(inputs, attrs));
}
