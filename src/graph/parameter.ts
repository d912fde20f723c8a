import { holds, newArray, type DType, type TypedArray } from './dtype.ts';
import { ArgumentError } from './errors.ts';
import { defineOp } from './op.ts';
import { HostRandom } from './philox.ts';
import { inOrder } from './queue.ts';
import { formatShape, sizeOf, type Shape } from './shape.ts';
import { Tensor } from './tensor.ts';

/** Fills a new parameter of `shape`; `random` is the stream of (seed, parameter name). */
export type Initializer = (shape: Shape, random: HostRandom) => ArrayLike<number>;

/** What a device does for a parameter's values. */
export interface ParameterStore {
  readParameter(parameter: Parameter): Promise<TypedArray>;
  writeParameter(parameter: Parameter, data: TypedArray): Promise<void>;
}

export interface ParameterOptions {
  /** Dotted path in its model, as PyTorch names it (`layers.0.weight`); given by the root module. */
  name?: string;
  dtype?: DType;
  /** `false`: a buffer (running statistics, counters, moments): saved, but not in `parameters()`. */
  trainable?: boolean;
  /** A parameter of the same shape that devices store this one beside, in the same element order. */
  like?: Parameter;
}

export const parameterOp = defineOp<'parameter', { shape: Shape; dtype: DType }>({
  name: 'parameter',
  kind: 'source',
  shape: (_, { shape }) => shape,
  dtype: (_, { dtype }) => dtype,
  vjp: null,
});

/**
 * A tensor that outlives a step. It materialises on a device at the first compile that uses it there,
 * with the values of `init` (or of the last `write`), and changes only by the updates of a step.
 */
export class Parameter extends Tensor {
  static #created = 0;
  readonly #ordinal = Parameter.#created++;
  /** Dotted path in its model; empty until a root module names it. */
  name: string;
  readonly trainable: boolean;
  readonly init: Initializer;
  readonly like: Parameter | null;

  constructor(
    shape: Shape,
    init: Initializer,
    { name = '', dtype = 'f32', trainable = true, like }: ParameterOptions = {},
  ) {
    if (!shape.every((size) => Number.isInteger(size) && size > 0)) {
      throw new ArgumentError('Parameter', 'a shape of positive integers', shape);
    }
    if (like && formatShape(like.shape) !== formatShape(shape)) {
      throw new ArgumentError(
        'Parameter',
        `the shape of \`like\`, ${formatShape(like.shape)}`,
        formatShape(shape),
      );
    }
    super(parameterOp, [], { shape: [...shape], dtype }, [...shape], dtype);
    this.name = name;
    this.trainable = trainable;
    this.init = init;
    this.like = like ?? null;
  }

  /** The name for messages: its path, or its id while it has none. */
  get label(): string {
    return this.name || `parameter#${this.id}`;
  }

  /** Initial values: the initialiser drawn from (seed, name), or (seed, order of creation) without a name. */
  initialValues(seed: number): TypedArray {
    const values = newArray(this.dtype, sizeOf(this.shape));
    values.set(this.init(this.shape, new HostRandom(seed, this.name || `parameter ${this.#ordinal}`)));
    return values;
  }

  /**
   * Current values on `device`, in the declared axis order (C order). Waits for the steps enqueued before.
   *
   * @throws ArgumentError when no step compiled for `device` uses the parameter, DeviceLostError
   */
  async read(device: ParameterStore): Promise<TypedArray> {
    // Asked for in order; the answer may arrive while later steps are already on their way.
    const { values } = await inOrder(device, () => {
      const values = device.readParameter(this);
      values.catch(() => {}); // reported below
      return { values };
    });
    return values;
  }

  /**
   * Replace the values on `device`; steps enqueued later see them.
   *
   * @param data `size` elements in the declared axis order
   * @throws ArgumentError when the array type or length does not fit, DeviceLostError
   */
  async write(device: ParameterStore, data: TypedArray): Promise<void> {
    if (!holds(this.dtype, data) || data.length !== this.size) {
      throw new ArgumentError(
        `${this.label}.write`,
        `${this.size} elements of ${this.dtype}`,
        `${data.length} in a ${data.constructor.name}`,
      );
    }
    await inOrder(device, () => device.writeParameter(this, data));
  }
}

/** A parameter's next value; the updates of a step take effect together at its end. */
export type Update = readonly [parameter: Parameter, value: Tensor];
