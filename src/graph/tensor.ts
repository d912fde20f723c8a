import type { DType } from './dtype.ts';
import type { AnyOp } from './op.ts';
import { formatShape, sizeOf, type Shape } from './shape.ts';

let nextId = 0;

/** The id of the next node: all nodes made so far have smaller ones. */
export const nextTensorId = (): number => nextId;

/**
 * A node of the traced graph: the result of one op. It owns no memory and never changes.
 * Ids grow along every edge, so sorting nodes by id is a topological order.
 */
export class Tensor {
  readonly id: number;
  readonly op: AnyOp;
  readonly inputs: readonly Tensor[];
  /** Attributes of `op`; each op record knows their type. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly attrs: any;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(op: AnyOp, inputs: readonly Tensor[], attrs: unknown, shape: Shape, dtype: DType) {
    this.id = nextId++;
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    return `%${this.id}: ${this.dtype}${formatShape(this.shape)} = ${this.op.name}`;
  }
}

/** A tensor, or a JavaScript number that takes the dtype of the tensor beside it. */
export type TensorLike = Tensor | number;
