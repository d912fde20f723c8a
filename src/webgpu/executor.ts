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
  type TuneOptions,
  type TuningTable,
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
import { compose, valueOf, type Composed } from './compose.ts';
import type { WebGpuDevice } from './device.ts';
import { chooseKernels, type KernelSpec, type SpecOf } from './kernels/index.ts';
import { loadLibraries, type Library } from './libraries.ts';
import type { Address, MergeUpdates } from './merge.ts';
import { resolveInLoop, type Resolve } from './places.ts';
import type { ShareDispatches } from './side-by-side.ts';
import { layOutSizes, uniformBytes, uploadSizes, type Sizes, type Uniforms } from './sizes.ts';
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
  const specOf = await chooseKernels(plansIn(plan), device.adapter, device.tuning);
  const libraries = await loadLibraries(plansIn(plan));
  // Updates lie side by side with their gradients only where these share a block. Checked kernels run one by one.
  const canMerge = plan.blockOf.size > 0 && !program.inspect;
  const mergeUpdates = canMerge ? (await import('./merge.ts')).mergeUpdates : null;
  const canShare = plan.beside.size > 0 && !program.inspect;
  const shareDispatches = canShare ? (await import('./side-by-side.ts')).shareDispatches : null;
  device.gpu.pushErrorScope('out-of-memory');
  device.gpu.pushErrorScope('validation');
  let executor: WebGpuExecutor | undefined;
  let failure: unknown;
  try {
    executor = new WebGpuExecutor(device, program, plan, orderOf, names, specOf, {
      libraries,
      mergeUpdates,
      shareDispatches,
    });
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
  /** What it runs: one kernel of `plan`, or several that share the dispatch. */
  readonly kernels: Kernel[];
  readonly plan: Plan;
  /** Where `print` shows the first of them. */
  readonly line: string;
  /** Where its values are. */
  readonly resolve: Resolve;
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

/** What a plan needs besides its kernels, or null. */
interface Loaded {
  readonly libraries: readonly Library[];
  /** Where updates of parameters that lie side by side become one. */
  readonly mergeUpdates: MergeUpdates | null;
  /** Where small kernels run beside others. */
  readonly shareDispatches: ShareDispatches | null;
}

/** What the kernels of a plan run as. */
interface Texts {
  readonly composed: ReadonlyMap<Kernel, Composed>;
  /** For the first of kernels that run as one: the last of them, which shows where bindings end. */
  readonly lastOf: ReadonlyMap<Kernel, Composed>;
  readonly sizes: Sizes;
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
  readonly #loaded: Loaded;
  #texts: Texts;
  #uniforms: Uniforms | null = null;
  readonly #buffers: GPUBuffer[] = [];
  readonly #slots: readonly GPUBuffer[];
  readonly #constants = new Map<Tensor, GPUBuffer>();
  /** Inputs and host scalars of a step: filled here, uploaded with one write. */
  readonly #upload: ArrayBuffer;
  readonly #uploadBuffer: GPUBuffer;
  readonly #inputOffset = new Map<string, number>();
  readonly #scalars: readonly Tensor[];
  /** Where each of them is in the upload. */
  readonly #scalarIndex: ReadonlyMap<Tensor, number>;
  readonly #outputs: readonly { readonly name: string; readonly node: Tensor; readonly offset: number }[];
  readonly #ring: StagingRing;
  /** All but sizes. */
  readonly #bytes: number;
  #dispatches: Dispatch[] = [];
  readonly #resolve: Resolve = (value) => this.#resource(value);
  /** What a step costs, once somebody has asked. */
  #cost: Cost | null = null;

  constructor(
    device: WebGpuDevice,
    program: Program,
    plan: Plan,
    orderOf: (p: Parameter) => readonly number[] | null,
    outputNames: readonly string[],
    specOf: SpecOf,
    loaded: Loaded,
  ) {
    this.#device = device;
    this.#loaded = loaded;
    this.#plan = plan;
    this.#inspect = program.inspect;
    const { STORAGE, COPY_SRC, COPY_DST } = BufferUsage;

    this.#scalars = plan.order.filter((node) => node.op.name === 'hostScalar');
    this.#scalarIndex = new Map(this.#scalars.map((node, i) => [node, i]));
    this.#texts = this.#compose(specOf);

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
    this.#bytes = slotBytes + constantBytes + uploadBytes + StagingRing.bytes(outputBytes);
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

  /** GPU memory without parameters. */
  get bytes(): number {
    return this.#bytes + this.#texts.sizes.contents.byteLength;
  }

  #composeKernel(kernel: Kernel, plan: Plan, spec: KernelSpec): Composed {
    return compose(kernel, plan, this.#scalarIndex, spec, this.#loaded.libraries);
  }

  /** The text of every dispatch: of a kernel, or of several that share one. */
  #compose(specOf: SpecOf): Texts {
    const { mergeUpdates, shareDispatches } = this.#loaded;
    const composed = new Map<Kernel, Composed>();
    for (const plan of plansIn(this.#plan))
      for (const kernel of plan.kernels)
        if (!plan.loops.has(kernel))
          composed.set(kernel, this.#composeKernel(kernel, plan, specOf(kernel, plan)));
    const lastOf = new Map<Kernel, Composed>();
    const limit = this.#device.gpu.limits.maxStorageBufferBindingSize;
    const addressOf = (value: Tensor | 'scalars') => this.#address(value);
    const joined = [
      ...(mergeUpdates?.(this.#plan.kernels, composed, addressOf, limit) ?? []),
      ...(shareDispatches?.(this.#plan, composed) ?? []),
    ];
    for (const [first, { composed: whole, last, absorbed }] of joined) {
      composed.set(first, whole);
      if (last) lastOf.set(first, last);
      for (const kernel of absorbed) composed.delete(kernel);
    }
    const sizes = layOutSizes(this.#device, composed.values());
    return { composed, lastOf, sizes };
  }

  /** Compile all pipelines at once and record the dispatches. */
  async compile(): Promise<void> {
    const { composed, sizes } = this.#texts;
    const compiling = [...composed].map(
      async ([kernel, text]) => [kernel, await this.#device.pipeline(text)] as const,
    );
    const pipelines = new Map(await Promise.all(compiling));
    this.#uniforms?.buffer.destroy();
    this.#uniforms = uploadSizes(this.#device, sizes);
    this.#dispatches = [];
    this.#record(this.#plan, this.#resolve, pipelines, this.#uniforms);
  }

  /** Append the dispatches of `plan`, loops run out, each with a bind group of its own. */
  #record(
    plan: Plan,
    resolve: Resolve,
    pipelines: ReadonlyMap<Kernel, GPUComputePipeline>,
    uniforms: Uniforms,
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
      const composed = this.#texts.composed.get(kernel);
      if (!composed) {
        this.#dispatches.at(-1)!.kernels.push(kernel); // runs with the kernel before it
        continue;
      }
      const last = this.#texts.lastOf.get(kernel);
      const encodable = this.#encodable(composed, pipelines.get(kernel)!, resolve, uniforms, last);
      this.#dispatches.push({ ...encodable, kernels: [kernel], plan, line, resolve });
    }
  }

  /** @param last of kernels that run as one: where bindings end */
  #encodable(
    composed: Composed,
    pipeline: GPUComputePipeline,
    resolve: Resolve,
    { buffer, offsets }: Uniforms,
    last = composed,
  ): Encodable {
    const { bindings, name, workgroups } = composed;
    const entries = bindings.map((b, binding): GPUBindGroupEntry => {
      if (b.kind !== 'uniform') {
        const ends = [b, last.bindings[binding] as typeof b];
        const [start, end] = ends.map((each) => resolve(valueOf(each)));
        return { binding, resource: { ...start!, size: end!.offset! + end!.size! - start!.offset! } };
      }
      return { binding, resource: { buffer, offset: offsets.get(b.words)!, size: uniformBytes(b.words) } };
    });
    const layout = this.#device.layout(bindings);
    const bindGroup = this.#device.gpu.createBindGroup({ layout, entries, label: name });
    const x = Math.min(workgroups, MAX_WORKGROUPS);
    return { pipeline, bindGroup, x, y: Math.ceil(workgroups / x) };
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

    if (this.#inspect) {
      const { runChecked } = await import('./checked.ts');
      const given = this.#scalars.map((node, i) => [node, scalars.slice(i, i + 1)] as const);
      const checked = {
        device: this.#device,
        plan: this.#plan,
        inspect: this.#inspect,
        resolve: this.#resolve,
        dispatches: this.#dispatches,
        encodePass,
      };
      await runChecked(checked, new Map(given), inputs);
    }
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

  async tune(options: TuneOptions): Promise<TuningTable> {
    this.#device.requireAlive();
    const { tuneDispatches } = await import('./tune.ts');
    const { adapter, tuning } = this.#device;
    const prepare = async (kernel: Kernel, { plan, resolve }: Dispatch, spec: KernelSpec) => {
      const composed = this.#composeKernel(kernel, plan, spec);
      const pipeline = await this.#device.pipeline(composed);
      const uniforms = uploadSizes(this.#device, layOutSizes(this.#device, [composed]));
      return { ...this.#encodable(composed, pipeline, resolve, uniforms), uniforms };
    };
    const usual = await chooseKernels(plansIn(this.#plan), adapter, tuning);
    const preparing = { usual, prepare };
    const table = await tuneDispatches(this.#device, this.#dispatches, encodePass, preparing, options);
    for (const [key, variant] of Object.entries(table)) tuning.set(key, variant);
    this.#texts = this.#compose(await chooseKernels(plansIn(this.#plan), adapter, tuning));
    await this.compile();
    return table;
  }

  get stats(): StepStats {
    const { flops, bytes: bytesMoved } = (this.#cost ??= costOfPlan(this.#plan));
    return { dispatches: this.#dispatches.length, bytes: this.bytes, flops, bytesMoved };
  }

  print(): string {
    const merged = this.#texts.lastOf.size > 0 ? `\n${this.#dispatches.length} after merging updates` : '';
    const kernels = printPlan(this.#plan, (kernel, plan) => `  | ${formatCost(costOf(kernel, plan))}`);
    const { flops, bytesMoved: bytes } = this.stats;
    const total = `${formatCost({ flops, bytes })} moved in a step`;
    return `${kernels}${merged}\n${total}\n${this.bytes} bytes without parameters, on ${this.#device.name}`;
  }

  release(): void {
    this.#device.forget(this);
    for (const buffer of this.#buffers) buffer.destroy();
    this.#uniforms?.buffer.destroy();
    this.#ring.destroy();
  }
}
