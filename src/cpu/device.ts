import {
  ArgumentError,
  newArray,
  topologicalOrder,
  Parameter,
  type Device,
  type Executor,
  type Program,
  type Shape,
  type DType,
  type Tensor,
  type TypedArray,
  type Value,
} from '../graph/index.ts';
import type { ScanAttrs } from '../ops/index.ts';
import { newNdArray, type NdArray, type Storage } from './nd-array.ts';
import { references } from './references.ts';

/**
 * The reference device: interprets the graph node by node with plain loops, float64 arithmetic and
 * `storage` for f32 tensors. It is the definition of correct, and slow.
 *
 * @param options.storage `'f32'` (default) rounds each result to float32 as a GPU does; `'f64'` keeps
 *   float64 throughout, for finite differences
 */
export function cpu({ storage = 'f32' }: { storage?: Storage } = {}): Device {
  return new CpuDevice(storage);
}

class CpuDevice implements Device {
  readonly name = 'cpu (reference)';
  readonly storage: Storage;
  readonly #values = new WeakMap<Parameter, NdArray>();

  constructor(storage: Storage) {
    this.storage = storage;
  }

  build(program: Program): Promise<Executor> {
    const roots = [...program.outputs.values(), ...program.updates.flat()];
    const order = topologicalOrder(roots);
    for (const node of order) if (node instanceof Parameter) this.valueOf(node, program.seed);
    return Promise.resolve(new CpuExecutor(this, program, order));
  }

  /** The parameter's array, made by its initialiser on first use. */
  valueOf(parameter: Parameter, seed = 0): NdArray {
    let value = this.#values.get(parameter);
    if (!value) {
      value = newNdArray(parameter.shape, parameter.dtype, this.storage);
      value.data.set(parameter.initialValues(seed));
      this.#values.set(parameter, value);
    }
    return value;
  }

  // async, so that what is wrong rejects as it does on a GPU, and is not thrown at the call
  async readParameter(parameter: Parameter): Promise<TypedArray> {
    return toHost(this.#storedOrThrow(parameter, 'read'));
  }

  async writeParameter(parameter: Parameter, data: TypedArray): Promise<void> {
    this.#storedOrThrow(parameter, 'write').data.set(data);
  }

  #storedOrThrow(parameter: Parameter, what: string): NdArray {
    const value = this.#values.get(parameter);
    if (!value)
      throw new ArgumentError(
        `${parameter.label}.${what}`,
        'a parameter that a step compiled for this device uses',
        'one that no step uses yet',
      );
    return value;
  }

  destroy(): void {}
}

class CpuExecutor implements Executor {
  readonly #device: CpuDevice;
  readonly #program: Program;
  readonly #order: readonly Tensor[];
  /** Nodes that are a parameter's next value. */
  readonly #updates: ReadonlyMap<Tensor, Parameter>;

  constructor(device: CpuDevice, program: Program, order: readonly Tensor[]) {
    this.#device = device;
    this.#program = program;
    this.#order = order;
    this.#updates = new Map(program.updates.map(([parameter, value]) => [value, parameter]));
  }

  run(inputs: ReadonlyMap<string, TypedArray>): Promise<Map<string, Value>> {
    const values = this.#evaluateAll(this.#order, new Map(), inputs);
    // All updates see the values from before the step, so none is stored before all are known.
    const updated = this.#program.updates.map(
      ([parameter, value]) => [parameter, values.get(value)!.data.slice()] as const,
    );
    const results = new Map(
      [...this.#program.outputs].map(([name, node]) => [
        name,
        new CpuValue(node.shape, node.dtype, toHost(values.get(node)!)),
      ]),
    );
    for (const [parameter, data] of updated) this.#device.valueOf(parameter).data.set(data);
    return Promise.resolve(results);
  }

  /** @param values of nodes that are known already; the others are added */
  #evaluateAll(
    order: readonly Tensor[],
    values: Map<Tensor, NdArray>,
    inputs: ReadonlyMap<string, TypedArray>,
    loopSteps: readonly number[] = [],
  ): Map<Tensor, NdArray> {
    for (const node of order) {
      if (node.op.kind === 'loop') {
        const parts = order.filter(({ op, inputs: [whole] }) => op.kind === 'part' && whole === node);
        this.#runLoop(node, parts, values, inputs, loopSteps);
      } else if (!values.has(node)) {
        const value = this.#evaluate(node, values, inputs);
        values.set(node, value);
        this.#program.inspect?.values?.({
          kernel: null,
          loopSteps,
          reads: new Map(node.inputs.map((input) => [input, values.get(input)!.data])),
          stores: new Map([[node, value.data]]),
          updates: this.#updates,
        });
      }
    }
    return values;
  }

  /** Run a scan and give its parts their values. */
  #runLoop(
    loop: Tensor,
    parts: readonly Tensor[],
    values: Map<Tensor, NdArray>,
    inputs: ReadonlyMap<string, TypedArray>,
    loopSteps: readonly number[],
  ): void {
    const { steps, reverse, carryIn, xIn, captureIn, carryOut } = loop.attrs as ScanAttrs;
    const bound = loop.inputs.map((input) => values.get(input)!);
    let carries = bound.slice(0, carryIn.length);
    const xs = bound.slice(carryIn.length, carryIn.length + xIn.length);
    const captures = bound.slice(carryIn.length + xIn.length);
    const stacks = parts.filter(({ op }) => op.name === 'scanStack');
    for (const stack of stacks) values.set(stack, newNdArray(stack.shape, stack.dtype, this.#device.storage));
    const body = topologicalOrder([...carryOut, ...stacks.map(({ attrs }) => attrs.node as Tensor)]);
    for (let step = 0; step < steps; step++) {
      const t = reverse ? steps - 1 - step : step;
      const inside = new Map<Tensor, NdArray>();
      carryIn.forEach((node, i) => inside.set(node, carries[i]!));
      captureIn.forEach((node, i) => inside.set(node, captures[i]!));
      xIn.forEach((node, i) => {
        const data = xs[i]!.data.subarray(t * node.size, (t + 1) * node.size);
        inside.set(node, { shape: node.shape, dtype: node.dtype, data });
      });
      this.#evaluateAll(body, inside, inputs, [...loopSteps, t]);
      for (const stack of stacks) {
        const { data } = inside.get(stack.attrs.node as Tensor)!;
        values.get(stack)!.data.set(data, t * data.length);
      }
      carries = carryOut.map((node) => inside.get(node)!);
    }
    for (const part of parts)
      if (part.op.name === 'scanFinal') values.set(part, carries[part.attrs.index as number]!);
  }

  #evaluate(node: Tensor, values: Map<Tensor, NdArray>, inputs: ReadonlyMap<string, TypedArray>): NdArray {
    if (node instanceof Parameter) return this.#device.valueOf(node);
    const out = newNdArray(node.shape, node.dtype, this.#device.storage);
    switch (node.op.name) {
      case 'input':
        out.data.set(inputs.get(node.attrs.name)!);
        if (node.dtype === 'bool') out.data.forEach((v, i) => (out.data[i] = Number(v !== 0)));
        break;
      case 'constant':
        out.data.set(node.attrs.data);
        break;
      case 'hostScalar':
        out.data[0] = node.attrs.next();
        break;
      default: {
        const reference = references[node.op.name as keyof typeof references];
        reference(
          node.inputs.map((input) => values.get(input)!),
          out,
          node.attrs,
          node,
        );
      }
    }
    return out;
  }

  print(): string {
    return this.#order.map(String).join('\n');
  }

  release(): void {}
}

class CpuValue implements Value {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly #data: TypedArray;

  constructor(shape: Shape, dtype: DType, data: TypedArray) {
    this.shape = shape;
    this.dtype = dtype;
    this.#data = data;
  }

  data(): Promise<TypedArray> {
    return Promise.resolve(this.#data);
  }

  async item(): Promise<number> {
    if (this.#data.length !== 1)
      throw new ArgumentError('item', 'an output of one element', `${this.#data.length} elements`);
    return this.#data[0]!;
  }
}

function toHost(array: NdArray): TypedArray {
  const host = newArray(array.dtype, array.data.length);
  host.set(array.data);
  return host;
}
