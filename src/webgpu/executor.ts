import {
  BYTES_PER_ELEMENT,
  DeviceError,
  formatShape,
  OutOfMemoryError,
  Parameter,
  ShapeError,
  Tensor,
  topologicalOrder,
  type Executor,
  type Inspections,
  type Profile,
  type ProfileOptions,
  type Program,
  type StepStats,
  type TypedArray,
  type Value,
} from '../graph/index.ts';
import { loadPasses, optimize } from '../passes/index.ts';
import {
  costOf,
  costOfPlan,
  formatCost,
  makePlan,
  paddedBytes,
  printPlan,
  type Cost,
  type Kernel,
  type Plan,
  type Scratch,
} from '../plan/index.ts';
import { compose, type Composed } from './compose.ts';
import type { WebGpuDevice } from './device.ts';
import { loadKernels, type KernelTable } from './kernels/index.ts';
import { mergeUpdates, valueOf, type Address } from './merge.ts';
import { resolveInLoop, type Resolve } from './places.ts';
import { StagingRing } from './staging.ts';
import { BufferUsage } from './usage.ts';

/** At most this many workgroups in one dimension of a dispatch. */
const MAX_WORKGROUPS = 65535;

/** Optimise, plan and prepare a program for `device`; everything a step needs is created here. */
export async function buildExecutor(device: WebGpuDevice, program: Program): Promise<Executor> {
  const names = [...program.outputs.keys()];
  const results = [...program.outputs.values()];
  const nodes = topologicalOrder([...results, ...program.updates.flat()]);
  refuseEmptyTensors(nodes);
  const storedOrder = (p: Parameter) => device.storageOf(p)?.order;
  const passes = await loadPasses(nodes, storedOrder);
  const optimized = optimize(results, program.updates, storedOrder, passes);
  const orderOf = (p: Parameter) => {
    const stored = device.storageOf(p);
    return stored ? stored.order : (optimized.storage.get(p) ?? null);
  };
  device.arrange(parametersOf(program, nodes));
  const plan = makePlan(optimized.outputs, optimized.updates, orderOf, {
    maxBindings: device.gpu.limits.maxStorageBuffersPerShaderStage,
    placeOf: (parameter) => device.placeOf(parameter),
  });
  const kernels = await loadKernels(plansIn(plan));
  device.gpu.pushErrorScope('out-of-memory');
  device.gpu.pushErrorScope('validation');
  let executor: WebGpuExecutor | undefined;
  let failure: unknown;
  try {
    executor = new WebGpuExecutor(device, program, plan, orderOf, names, kernels);
    await executor.compile();
  } catch (error) {
    failure = error;
  }
  const [invalid, outOfMemory] = await Promise.all([device.gpu.popErrorScope(), device.gpu.popErrorScope()]);
  if (failure || invalid || outOfMemory) {
    executor?.release();
    if (outOfMemory)
      throw new OutOfMemoryError(`compile: expected the GPU to hold the plan, got: ${outOfMemory.message}`);
    if (failure) throw failure;
    throw new DeviceError(`compile: expected a valid plan, got: ${invalid!.message}`);
  }
  return executor!;
}

/** Those that the step updates first, in the order of the updates: what is updated alike, a group, then lies together. */
const parametersOf = ({ updates }: Program, nodes: readonly Tensor[]): Set<Parameter> =>
  new Set([...updates.map(([parameter]) => parameter), ...nodes.filter((node) => node instanceof Parameter)]);

function refuseEmptyTensors(nodes: readonly Tensor[]): void {
  for (const node of nodes) {
    if (node.size === 0)
      throw new ShapeError(`compile (${node.op.name})`, [node.shape], 'tensors with at least one element');
  }
}

/** What it takes to encode a dispatch. */
export interface Encodable {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

/** One dispatch of the recorded step. */
export interface Dispatch extends Encodable {
  /** What it runs: one kernel of `plan`, or several updates. */
  readonly kernels: Kernel[];
  readonly plan: Plan;
  /** Where `print` shows the first of them. */
  readonly line: string;
}

function encodePass(
  encoder: GPUCommandEncoder,
  dispatches: readonly Encodable[],
  descriptor?: GPUComputePassDescriptor,
): void {
  const pass = encoder.beginComputePass(descriptor);
  for (const { pipeline, bindGroup, x, y } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y);
  }
  pass.end();
}

export type EncodePass = typeof encodePass;

const uniformBytes = (words: readonly number[]) => Math.ceil(words.length / 4) * 16;

/** All uniforms of a plan in one buffer, each where a binding may begin; `offsets` are by the list of words. */
function layOutSizes(composed: Iterable<Composed>, align: number) {
  const offsets = new Map<readonly number[], number>();
  let bytes = 0;
  for (const { bindings } of composed) {
    for (const binding of bindings) {
      if (binding.kind !== 'uniform') continue;
      offsets.set(binding.words, bytes);
      bytes += Math.ceil(uniformBytes(binding.words) / align) * align;
    }
  }
  const contents = new ArrayBuffer(Math.max(bytes, 16));
  for (const [words, offset] of offsets) new Int32Array(contents, offset, words.length).set(words);
  return { contents, offsets };
}

/** Every plan in `plan`: itself and the bodies of its loops. */
function* plansIn(plan: Plan): Iterable<Plan> {
  yield plan;
  for (const { body } of plan.loops.values()) yield* plansIn(body);
}

class WebGpuExecutor implements Executor {
  readonly #device: WebGpuDevice;
  readonly #plan: Plan;
  /** Set when steps run kernel by kernel. */
  readonly #inspect: Inspections | undefined;
  readonly #composed: ReadonlyMap<Kernel, Composed>;
  /** For the first of kernels that run as one: the last of them, which shows where bindings end. */
  readonly #lastOf = new Map<Kernel, Composed>();
  /** Contents of the uniform that holds all sizes, and where each kernel's words are. */
  readonly #sizes: ReturnType<typeof layOutSizes>;
  readonly #buffers: GPUBuffer[] = [];
  readonly #slots: readonly GPUBuffer[];
  readonly #constants = new Map<Tensor, GPUBuffer>();
  /** Inputs and host scalars of a step: filled here, uploaded with one write. */
  readonly #upload: ArrayBuffer;
  readonly #uploadBuffer: GPUBuffer;
  readonly #inputOffset = new Map<string, number>();
  readonly #scalars: readonly Tensor[];
  readonly #outputs: readonly { readonly name: string; readonly node: Tensor; readonly offset: number }[];
  readonly #ring: StagingRing;
  readonly bytes: number;
  readonly #dispatches: Dispatch[] = [];
  /** What a step costs, once somebody has asked. */
  #cost: Cost | null = null;

  constructor(
    device: WebGpuDevice,
    program: Program,
    plan: Plan,
    orderOf: (p: Parameter) => readonly number[] | null,
    outputNames: readonly string[],
    kernels: Partial<KernelTable>,
  ) {
    this.#device = device;
    this.#plan = plan;
    this.#inspect = program.inspect;
    const { STORAGE, COPY_SRC, COPY_DST } = BufferUsage;

    this.#scalars = plan.order.filter((node) => node.op.name === 'hostScalar');
    const scalarIndex = new Map(this.#scalars.map((node, i) => [node, i]));
    const composed = new Map(
      [...plansIn(plan)].flatMap((each) =>
        each.kernels
          .filter((kernel) => !each.loops.has(kernel))
          .map((kernel) => [kernel, compose(kernel, each, scalarIndex, device.adapter, kernels)] as const),
      ),
    );
    this.#composed = composed;
    if (!this.#inspect) this.#mergeUpdates(composed);
    this.#sizes = layOutSizes(this.#composed.values(), device.gpu.limits.minUniformBufferOffsetAlignment);

    // Layout of the upload: scalars, then inputs, each where a binding may begin.
    const align = device.gpu.limits.minStorageBufferOffsetAlignment;
    let uploadBytes = Math.max(align, Math.ceil((this.#scalars.length * BYTES_PER_ELEMENT) / align) * align);
    for (const [name, node] of program.inputs) {
      this.#inputOffset.set(name, uploadBytes);
      uploadBytes += Math.ceil(paddedBytes(node) / align) * align;
    }
    let outputBytes = 0;
    this.#outputs = outputNames.map((name, i) => {
      const node = plan.outputs[i]!;
      const offset = outputBytes;
      outputBytes += node.size * BYTES_PER_ELEMENT;
      return { name, node, offset };
    });

    const constants = plan.order.filter((node) => node.op.name === 'constant');
    const slotBytes = plan.slots.reduce((sum, bytes) => sum + bytes, 0);
    const constantBytes = constants.reduce((sum, node) => sum + paddedBytes(node), 0);
    this.bytes =
      slotBytes +
      constantBytes +
      uploadBytes +
      this.#sizes.contents.byteLength +
      StagingRing.bytes(outputBytes);
    if (program.memoryLimit !== undefined && this.bytes > program.memoryLimit) {
      throw new OutOfMemoryError(
        `compile: expected a plan of at most ${program.memoryLimit} bytes (memoryLimit), got ${this.bytes}`,
      );
    }

    const parameters = new Set([
      ...program.updates.map(([p]) => p),
      ...plan.order.filter((node) => node instanceof Parameter),
    ]);
    for (const parameter of parameters) device.materialise(parameter, orderOf(parameter), program.seed);
    this.#upload = new ArrayBuffer(uploadBytes);
    const largestInput = Math.max(align, ...[...program.inputs.values()].map(paddedBytes));
    try {
      this.#uploadBuffer = this.#create(uploadBytes, STORAGE | COPY_DST, 'inputs', largestInput);
      this.#slots = plan.slots.map((bytes, i) => this.#create(bytes, STORAGE | COPY_SRC, `slot ${i}`));
      for (const node of constants) {
        const buffer = this.#create(paddedBytes(node), STORAGE | COPY_DST, 'constant');
        device.gpu.queue.writeBuffer(buffer, 0, (node.attrs.data as TypedArray).buffer as ArrayBuffer);
        this.#constants.set(node, buffer);
      }
      this.#ring = new StagingRing(device, outputBytes);
    } catch (error) {
      for (const buffer of this.#buffers) buffer.destroy();
      throw error;
    }
  }

  #create(size: number, usage: number, label: string, binding = size): GPUBuffer {
    const buffer = this.#device.createBuffer(size, usage, label, binding);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Let updates of parameters that lie side by side run as one dispatch. */
  #mergeUpdates(composed: Map<Kernel, Composed>): void {
    const limit = this.#device.gpu.limits.maxStorageBufferBindingSize;
    const runs = mergeUpdates(this.#plan.kernels, composed, (value) => this.#address(value), limit);
    for (const [first, { composed: whole, last, absorbed }] of runs) {
      composed.set(first, whole);
      this.#lastOf.set(first, last);
      for (const kernel of absorbed) composed.delete(kernel);
    }
  }

  /** Compile all pipelines at once and record the dispatches. */
  async compile(): Promise<void> {
    const compiling = [...this.#composed].map(
      async ([kernel, composed]) => [kernel, await this.#device.pipeline(composed)] as const,
    );
    const { contents } = this.#sizes;
    const uniforms = this.#create(contents.byteLength, BufferUsage.UNIFORM | BufferUsage.COPY_DST, 'sizes');
    this.#device.gpu.queue.writeBuffer(uniforms, 0, contents);
    const pipelines = new Map(await Promise.all(compiling));
    this.#record(this.#plan, (value) => this.#resource(value), pipelines, uniforms);
  }

  /** Append the dispatches of `plan`, loops run out, each with a bind group of its own. */
  #record(
    plan: Plan,
    resolve: Resolve,
    pipelines: ReadonlyMap<Kernel, GPUComputePipeline>,
    uniforms: GPUBuffer,
    path = '',
  ): void {
    for (const [i, kernel] of plan.kernels.entries()) {
      const line = `${path}${i}`;
      const loop = plan.loops.get(kernel);
      if (loop) {
        for (let step = 0; step < loop.steps; step++)
          this.#record(loop.body, resolveInLoop(loop, step, resolve), pipelines, uniforms, `${line}.`);
        continue;
      }
      const composed = this.#composed.get(kernel);
      if (!composed) {
        this.#dispatches.at(-1)!.kernels.push(kernel); // runs with the kernel before it
        continue;
      }
      const { bindings, name, workgroups } = composed;
      const last = this.#lastOf.get(kernel)?.bindings;
      const entries = bindings.map((b, binding): GPUBindGroupEntry => {
        if (b.kind !== 'uniform') {
          const [start, end] = [b, (last?.[binding] ?? b) as typeof b].map((each) => resolve(valueOf(each)));
          return { binding, resource: { ...start!, size: end!.offset! + end!.size! - start!.offset! } };
        }
        const offset = this.#sizes.offsets.get(b.words)!;
        return { binding, resource: { buffer: uniforms, offset, size: uniformBytes(b.words) } };
      });
      const layout = this.#device.layout(bindings);
      const bindGroup = this.#device.gpu.createBindGroup({ layout, entries, label: name });
      const x = Math.min(workgroups, MAX_WORKGROUPS);
      const [pipeline, y] = [pipelines.get(kernel)!, Math.ceil(workgroups / x)];
      this.#dispatches.push({ pipeline, bindGroup, x, y, kernels: [kernel], plan, line });
    }
  }

  /** The same as `#resource` before there are buffers. */
  #address(value: Tensor | 'scalars'): Address {
    if (value === 'scalars') return { home: value, offset: 0, bytes: 0 };
    const node = this.#plan.updates.get(value) ?? value;
    const bytes = paddedBytes(node);
    const place = node instanceof Parameter ? this.#device.placeOf(node) : undefined;
    if (place) return { home: place.arena, offset: place.offset, bytes };
    const block = this.#plan.blockOf.get(node);
    return { home: block ?? node, offset: block?.offsets.get(node) ?? 0, bytes };
  }

  #resource(value: Tensor | Scratch | 'scalars'): GPUBufferBinding {
    if (value === 'scalars') {
      const size = Math.max(16, Math.ceil(this.#scalars.length / 4) * 16);
      return { buffer: this.#uploadBuffer, offset: 0, size };
    }
    if (!(value instanceof Tensor))
      return { buffer: this.#slots[this.#plan.slotOf.get(value)!]!, offset: 0, size: value.bytes };
    const node = this.#plan.updates.get(value) ?? value;
    const size = paddedBytes(node);
    if (node instanceof Parameter) {
      const { buffer, offset } = this.#device.storageOf(node)!;
      return { buffer, offset, size };
    }
    const block = this.#plan.blockOf.get(node);
    if (block) return { ...this.#resource(block), offset: block.offsets.get(node)!, size };
    if (node.op.name === 'input')
      return { buffer: this.#uploadBuffer, offset: this.#inputOffset.get(node.attrs.name)!, size };
    const buffer = this.#constants.get(node) ?? this.#slots[this.#plan.slotOf.get(node) ?? -1];
    if (!buffer)
      throw new DeviceError(`compile: no buffer was planned for ${node.op.name} ${formatShape(node.shape)}`);
    return { buffer, offset: 0, size };
  }

  async run(inputs: ReadonlyMap<string, TypedArray>): Promise<Map<string, Value>> {
    this.#device.requireAlive();
    const slot = await this.#ring.acquire().catch(async (error: unknown) => {
      throw await this.#device.explain(error);
    });
    const { gpu } = this.#device;
    const scalars = new Float32Array(this.#upload, 0, this.#scalars.length);
    this.#scalars.forEach((node, i) => (scalars[i] = node.attrs.next()));
    this.#uploadInputs(inputs);

    if (this.#inspect) await this.#runChecked(this.#inspect, inputs, scalars);
    const encoder = gpu.createCommandEncoder();
    if (!this.#inspect) encodePass(encoder, this.#dispatches);
    for (const { node, offset } of this.#outputs) {
      const { buffer, offset: from = 0 } = this.#resource(node);
      encoder.copyBufferToBuffer(buffer, from, slot.buffer, offset, node.size * BYTES_PER_ELEMENT);
    }
    gpu.queue.submit([encoder.finish()]);
    this.#ring.map(slot);
    return new Map(
      this.#outputs.map(({ name, node, offset }) => [name, this.#ring.value(slot, node, offset)]),
    );
  }

  /** Inputs, and host scalars as they are. */
  #uploadInputs(inputs: ReadonlyMap<string, TypedArray>): void {
    for (const [name, data] of inputs) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      new Uint8Array(this.#upload, this.#inputOffset.get(name)!, bytes.length).set(bytes);
    }
    this.#device.gpu.queue.writeBuffer(this.#uploadBuffer, 0, this.#upload);
  }

  async profile(inputs: ReadonlyMap<string, TypedArray>, options: ProfileOptions): Promise<Profile> {
    this.#device.requireAlive();
    const { profileDispatches } = await import('./profile.ts');
    this.#uploadInputs(inputs);
    return profileDispatches(this.#device, this.#dispatches, encodePass, options);
  }

  get stats(): StepStats {
    const { flops, bytes: bytesMoved } = (this.#cost ??= costOfPlan(this.#plan));
    return { dispatches: this.#dispatches.length, bytes: this.bytes, flops, bytesMoved };
  }

  /** Run all dispatches, one by one. */
  async #runChecked(
    inspect: Inspections,
    inputs: ReadonlyMap<string, TypedArray>,
    scalars: Float32Array,
  ): Promise<void> {
    const { gpu } = this.#device;
    const given = new Map<Tensor, TypedArray>(
      this.#scalars.map((node, i) => [node, scalars.slice(i, i + 1)]),
    );
    for (const node of this.#plan.order) {
      if (node.op.name !== 'input') continue;
      const data = inputs.get(node.attrs.name)!;
      given.set(node, node.dtype === 'bool' ? data.map((x) => Number(x !== 0)) : data);
    }
    const dispatches = this.#dispatches.values();
    const runNext = () => {
      const encoder = gpu.createCommandEncoder();
      encodePass(encoder, [dispatches.next().value!]);
      gpu.queue.submit([encoder.finish()]);
    };
    const resolve: Resolve = (value) => this.#resource(value);
    const { runChecked } = await import('./checked.ts');
    return runChecked({ device: this.#device, plan: this.#plan, inspect, resolve, runNext }, given);
  }

  print(): string {
    const merged = this.#lastOf.size > 0 ? `\n${this.#dispatches.length} after merging updates` : '';
    const kernels = printPlan(this.#plan, (kernel, plan) => `  | ${formatCost(costOf(kernel, plan))}`);
    const { flops, bytesMoved: bytes } = this.stats;
    const total = `${formatCost({ flops, bytes })} moved in a step`;
    return `${kernels}${merged}\n${total}\n${this.bytes} bytes without parameters, on ${this.#device.name}`;
  }

  release(): void {
    this.#device.forget(this);
    for (const buffer of this.#buffers) buffer.destroy();
    this.#ring.destroy();
  }
}
