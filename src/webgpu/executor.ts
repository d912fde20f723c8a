import {
  BYTES_PER_ELEMENT,
  DeviceError,
  formatShape,
  OutOfMemoryError,
  Parameter,
  ShapeError,
  topologicalOrder,
  type Executor,
  type Program,
  type Tensor,
  type TypedArray,
  type Value,
} from '../graph/index.ts';
import { optimize } from '../passes/index.ts';
import { makePlan, paddedBytes, printPlan, type Plan } from '../plan/index.ts';
import { compose, type Composed } from './compose.ts';
import type { WebGpuDevice } from './device.ts';
import { StagingRing } from './staging.ts';
import { BufferUsage } from './usage.ts';

/** At most this many workgroups in one dimension of a dispatch. */
const MAX_WORKGROUPS = 65535;

/** Optimise, plan and prepare a program for `device`; everything a step needs is created here. */
export async function buildExecutor(device: WebGpuDevice, program: Program): Promise<Executor> {
  refuseEmptyTensors(program);
  const names = [...program.outputs.keys()];
  const optimized = optimize(
    [...program.outputs.values()],
    program.updates,
    (p) => device.storageOf(p)?.order,
  );
  const orderOf = (p: Parameter) => {
    const stored = device.storageOf(p);
    return stored ? stored.order : (optimized.storage.get(p) ?? null);
  };
  const plan = makePlan(optimized.outputs, optimized.updates, orderOf, {
    maxBindings: device.gpu.limits.maxStorageBuffersPerShaderStage,
  });
  device.gpu.pushErrorScope('out-of-memory');
  device.gpu.pushErrorScope('validation');
  let executor: WebGpuExecutor | undefined;
  let failure: unknown;
  try {
    executor = new WebGpuExecutor(device, program, plan, orderOf, names);
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

function refuseEmptyTensors(program: Program): void {
  for (const node of topologicalOrder([...program.outputs.values(), ...program.updates.flat()])) {
    if (node.size === 0)
      throw new ShapeError(`compile (${node.op.name})`, [node.shape], 'tensors with at least one element');
  }
}

/** One dispatch of the recorded step. */
interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

const uniformBytes = (words: readonly number[]) => Math.ceil(words.length / 4) * 16;

/** All uniforms of a plan in one buffer, each where a binding may begin. */
function layOutSizes(composed: readonly Composed[], align: number) {
  const uniforms = composed.flatMap(({ bindings }) =>
    bindings.flatMap((b) => (b.kind === 'uniform' ? [b.words] : [])),
  );
  const offsets: number[] = [];
  let bytes = 0;
  for (const words of uniforms) {
    offsets.push(bytes);
    bytes += Math.ceil(uniformBytes(words) / align) * align;
  }
  const contents = new ArrayBuffer(Math.max(bytes, 16));
  uniforms.forEach((words, i) => new Int32Array(contents, offsets[i]!, words.length).set(words));
  return { contents, offsets };
}

class WebGpuExecutor implements Executor {
  readonly #device: WebGpuDevice;
  readonly #plan: Plan;
  readonly #composed: readonly Composed[];
  /** Contents of the uniform that holds all sizes, and where each kernel's part begins in the order of bindings. */
  readonly #sizes: { readonly contents: ArrayBuffer; readonly offsets: readonly number[] };
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
  #dispatches: Dispatch[] = [];

  constructor(
    device: WebGpuDevice,
    program: Program,
    plan: Plan,
    orderOf: (p: Parameter) => readonly number[] | null,
    outputNames: readonly string[],
  ) {
    this.#device = device;
    this.#plan = plan;
    const { STORAGE, COPY_SRC, COPY_DST } = BufferUsage;

    this.#scalars = plan.order.filter((node) => node.op.name === 'hostScalar');
    const scalarIndex = new Map(this.#scalars.map((node, i) => [node, i]));
    this.#composed = plan.kernels.map((kernel) => compose(kernel, plan, scalarIndex, device.adapter));

    this.#sizes = layOutSizes(this.#composed, device.gpu.limits.minUniformBufferOffsetAlignment);

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

  /** Compile all pipelines at once and record the dispatches. */
  async compile(): Promise<void> {
    const { gpu } = this.#device;
    const pipelines = Promise.all(this.#composed.map((composed) => this.#device.pipeline(composed)));
    const { contents, offsets } = this.#sizes;
    const uniforms = this.#create(contents.byteLength, BufferUsage.UNIFORM | BufferUsage.COPY_DST, 'sizes');
    let uniform = 0;
    const groups = this.#composed.map(({ bindings, name }) => {
      const entries = bindings.map((b, binding): GPUBindGroupEntry => {
        if (b.kind !== 'uniform') return { binding, resource: this.#resource(b.buffer) };
        const size = uniformBytes(b.words);
        return { binding, resource: { buffer: uniforms, offset: offsets[uniform++]!, size } };
      });
      return gpu.createBindGroup({ layout: this.#device.layout(bindings), entries, label: name });
    });
    gpu.queue.writeBuffer(uniforms, 0, contents);
    this.#dispatches = (await pipelines).map((pipeline, i) => {
      const { workgroups } = this.#composed[i]!;
      const x = Math.min(workgroups, MAX_WORKGROUPS);
      return { pipeline, bindGroup: groups[i]!, x, y: Math.ceil(workgroups / x) };
    });
  }

  #resource(target: { readonly node: Tensor } | 'scalars'): GPUBufferBinding {
    const scalarBytes = Math.max(16, Math.ceil(this.#scalars.length / 4) * 16);
    if (target === 'scalars') return { buffer: this.#uploadBuffer, offset: 0, size: scalarBytes };
    const node = this.#plan.updates.get(target.node) ?? target.node;
    const size = paddedBytes(node);
    if (node instanceof Parameter) return { buffer: this.#device.storageOf(node)!.buffer, offset: 0, size };
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
    for (const [name, data] of inputs) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      new Uint8Array(this.#upload, this.#inputOffset.get(name)!, bytes.length).set(bytes);
    }
    gpu.queue.writeBuffer(this.#uploadBuffer, 0, this.#upload);

    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, bindGroup, x, y } of this.#dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
    for (const { node, offset } of this.#outputs) {
      const { buffer } = this.#resource({ node });
      encoder.copyBufferToBuffer(buffer, 0, slot.buffer, offset, node.size * BYTES_PER_ELEMENT);
    }
    gpu.queue.submit([encoder.finish()]);
    this.#ring.map(slot);
    return new Map(
      this.#outputs.map(({ name, node, offset }) => [name, this.#ring.value(slot, node, offset)]),
    );
  }

  print(): string {
    return `${printPlan(this.#plan)}\n${this.bytes} bytes without parameters, on ${this.#device.name}`;
  }

  release(): void {
    this.#device.forget(this);
    for (const buffer of this.#buffers) buffer.destroy();
    this.#ring.destroy();
  }
}
