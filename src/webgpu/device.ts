import {
  arrayOver,
  ArgumentError,
  BYTES_PER_ELEMENT,
  DeviceError,
  DeviceLostError,
  inversePermutation,
  newArray,
  OutOfMemoryError,
  stridesOf,
  type Device,
  type Executor,
  type Parameter,
  type Program,
  type Shape,
  type Tensor,
  type TuningTable,
  type TypedArray,
} from '../graph/index.ts';
import { paddedBytes, type Place } from '../plan/index.ts';
import { Arenas } from './arenas.ts';
import { buildExecutor } from './executor.ts';
import type { Adapter } from './kernels/index.ts';
import type { Composed } from './compose.ts';
import { BufferUsage, MAP_READ, STAGE_COMPUTE } from './usage.ts';

/** What kind of adapter a device runs on, in the words of WebGPU's `GPUAdapterInfo`; empty where it does not say. */
export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Emulated on the CPU (SwiftShader, llvmpipe, WARP). */
  readonly software: boolean;
}

export interface WebGpuOptions {
  /** Default 'high-performance'. */
  powerPreference?: 'low-power' | 'high-performance';
  /** Use this device instead of asking for one; its owner destroys it. */
  device?: GPUDevice;
  /**
   * Which variants of kernels to run, as `tune` has measured it on such an adapter: results then have the same bits again.
   * Compiling throws ArgumentError for a variant that a kernel does not have.
   */
  tuning?: TuningTable;
}

/** Features that make kernels faster where the adapter has them. */
const WANTED_FEATURES = ['subgroups', 'timestamp-query'] as const;
/** Limits that are raised to what the adapter offers. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
] as const;

/**
 * A WebGPU device: `navigator.gpu` in a page or worker, the optional package `webgpu` (Dawn) in Node.
 *
 * Unless a device is given, it asks for the adapter's limits on buffers, and for subgroups and timestamps where there are any.
 *
 * @returns a device to compile steps for; `destroy()` frees it and all its parameters
 * @throws DeviceError when there is no WebGPU, no adapter, or the adapter refuses a device
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const { tuning = {} } = options;
  if (options.device) return new WebGpuDevice(options.device, options.device.adapterInfo, false, tuning);
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  if (!adapter)
    throw new DeviceError(
      'webgpu: expected a GPU adapter, got none. Check chrome://gpu, or the Vulkan, Metal or D3D12 driver.',
    );
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  try {
    const device = await adapter.requestDevice({ requiredFeatures: [...requiredFeatures], requiredLimits });
    return new WebGpuDevice(device, adapter.info, true, tuning);
  } catch (cause) {
    throw new DeviceError(
      `webgpu: expected a device from ${adapter.info.vendor || 'the adapter'}, got: ${String(cause)}`,
      { cause },
    );
  }
}

/** Dawn's instance dies with its last reference, and its devices with it. */
let dawn: GPU | undefined;

async function findGpu(): Promise<GPU> {
  if (globalThis.navigator?.gpu) return globalThis.navigator.gpu;
  if (dawn) return dawn;
  const node = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node;
  if (!node)
    throw new DeviceError(
      'webgpu: expected navigator.gpu, got none. Use a browser with WebGPU (Chrome 113+, Edge, Safari 26+, Firefox 141+) over https or localhost.',
    );
  const optionalPeer = 'webgpu'; // a variable, so that bundlers leave the import alone
  try {
    const { create } = (await import(/* @vite-ignore */ optionalPeer)) as { create(flags: string[]): GPU };
    return (dawn = create([]));
  } catch (cause) {
    throw new DeviceError(
      'webgpu: expected the package `webgpu` in Node, got none. Install it: npm install webgpu',
      { cause },
    );
  }
}

/** Where a parameter lives, and in which axis order. */
export interface ParameterStorage {
  readonly buffer: GPUBuffer;
  /** Bytes before it in the buffer. */
  readonly offset: number;
  /** physical axis i is logical axis order[i]; `null` for the declared order. */
  readonly order: readonly number[] | null;
}

/** A GPU that compiled steps run on. Made by `webgpu()`. */
export class WebGpuDevice implements Device {
  readonly gpu: GPUDevice;
  readonly info: AdapterInfo;
  readonly adapter: Adapter;
  /** Variants of kernels that were measured, or given. */
  readonly tuning: Map<string, string>;
  /** Resolves with the reason when the device is lost (driver reset, GPU process crash, `destroy`). */
  readonly lost: Promise<string>;
  readonly #owned: boolean;
  readonly #parameters = new Map<Parameter, ParameterStorage>();
  readonly #arenas = new Arenas();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #executors = new Set<Executor>();
  #lostReason: string | null = null;
  #building: Promise<unknown> = Promise.resolve();

  constructor(gpu: GPUDevice, info: GPUAdapterInfo, owned: boolean, tuning: TuningTable) {
    this.gpu = gpu;
    this.#owned = owned;
    const { vendor, architecture, description } = info;
    const software =
      info.isFallbackAdapter ||
      /swiftshader|llvmpipe|warp|basic render/i.test(`${architecture} ${description}`);
    this.info = { vendor, architecture, description, software };
    // A row kernel assumes that its 64 invocations are whole subgroups.
    const largest = gpu.features.has('subgroups') ? (info.subgroupMaxSize ?? 128) : 0;
    this.tuning = new Map(Object.entries(tuning));
    this.adapter = { software, subgroupSize: largest <= 64 ? largest : 0 };
    this.lost = gpu.lost.then(({ reason, message }) => (this.#lostReason = `${reason}: ${message}`));
  }

  get name(): string {
    const { vendor, architecture, description, software } = this.info;
    return `${[vendor, architecture, description].filter(Boolean).join(' ') || 'unknown adapter'}${software ? ' (software)' : ''}`;
  }

  build(program: Program): Promise<Executor> {
    // One at a time: error scopes are a stack that concurrent builds would pop from each other.
    const built = this.#building.then(async () => {
      this.requireAlive();
      const executor = await buildExecutor(this, program);
      this.#executors.add(executor);
      return executor;
    });
    this.#building = built.catch(() => {});
    return built;
  }

  /** An executor has freed its buffers. */
  forget(executor: Executor): void {
    this.#executors.delete(executor);
  }

  /** @throws DeviceLostError when the device is gone */
  requireAlive(): void {
    if (this.#lostReason !== null) {
      throw new DeviceLostError(
        `webgpu: expected a live device, got one that was lost (${this.#lostReason}). Make a new device and write the parameters you saved.`,
      );
    }
  }

  /** The error to report for a failed read: device loss if that is why. */
  async explain(cause: unknown): Promise<Error> {
    await Promise.race([this.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
    if (this.#lostReason !== null)
      return new DeviceLostError(
        `webgpu: the device was lost (${this.#lostReason}) before a value was read`,
        { cause },
      );
    return cause instanceof Error ? cause : new DeviceError(String(cause));
  }

  /** Storage of a parameter that already lives here. */
  storageOf(parameter: Parameter): ParameterStorage | undefined {
    return this.#parameters.get(parameter);
  }

  /** Decide which of a program's parameters will share buffers. Those that have storage already keep it. */
  arrange(parameters: Iterable<Parameter>): void {
    const fresh = [...parameters].filter((parameter) => !this.#parameters.has(parameter));
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits;
    this.#arenas.arrange(fresh, Math.min(maxBufferSize, maxStorageBufferBindingSize));
  }

  /** Where a parameter lies in a buffer that it shares; undefined for one with a buffer of its own. */
  placeOf(parameter: Parameter): Place | undefined {
    return this.#arenas.placeOf(parameter);
  }

  /** Give a parameter storage in `order`, with its initial values, unless it has some. */
  materialise(parameter: Parameter, order: readonly number[] | null, seed: number): ParameterStorage {
    let storage = this.#parameters.get(parameter);
    if (!storage) {
      const usage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
      const place = this.#arenas.placeOf(parameter);
      const buffer = place
        ? (place.arena.buffer ??= this.createBuffer(place.arena.bytes, usage, `${parameter.label}, …`))
        : this.createBuffer(paddedBytes(parameter), usage, parameter.label);
      storage = { buffer, offset: place?.offset ?? 0, order };
      this.#parameters.set(parameter, storage);
      this.#upload(parameter, storage, parameter.initialValues(seed));
    }
    return storage;
  }

  #upload(parameter: Parameter, { buffer, offset, order }: ParameterStorage, data: TypedArray): void {
    const physical = order ? permuteArray(data, parameter.shape, order) : data;
    this.gpu.queue.writeBuffer(
      buffer,
      offset,
      physical.buffer as ArrayBuffer,
      physical.byteOffset,
      physical.byteLength,
    );
  }

  async readParameter(parameter: Parameter): Promise<TypedArray> {
    this.requireAlive();
    const { buffer, offset } = this.#storedOrThrow(parameter, 'read');
    return this.inDeclaredOrder(parameter, await this.read({ buffer, offset }, parameter));
  }

  /** The elements of `node` as they lie in its buffer, once the work enqueued so far is done. */
  async read({ buffer, offset = 0 }: GPUBufferBinding, { size, dtype, op }: Tensor): Promise<TypedArray> {
    const bytes = size * BYTES_PER_ELEMENT;
    const staging = this.createBuffer(bytes, BufferUsage.MAP_READ | BufferUsage.COPY_DST, `read ${op.name}`);
    try {
      const encoder = this.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
      this.gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(MAP_READ);
      return arrayOver(dtype, staging.getMappedRange().slice(0));
    } catch (error) {
      throw await this.explain(error);
    } finally {
      staging.destroy();
    }
  }

  /** What lies in a parameter's buffer, with the axes in the order of its shape. */
  inDeclaredOrder(parameter: Parameter, data: TypedArray): TypedArray {
    const order = this.storageOf(parameter)?.order;
    if (!order) return data;
    return permuteArray(
      data,
      order.map((axis) => parameter.shape[axis]!),
      inversePermutation(order),
    );
  }

  writeParameter(parameter: Parameter, data: TypedArray): Promise<void> {
    this.requireAlive();
    this.#upload(parameter, this.#storedOrThrow(parameter, 'write'), data);
    return Promise.resolve();
  }

  #storedOrThrow(parameter: Parameter, what: string): ParameterStorage {
    const storage = this.#parameters.get(parameter);
    if (!storage)
      throw new ArgumentError(
        `${parameter.label}.${what}`,
        'a parameter that a step compiled for this device uses',
        'one that no step uses yet',
      );
    return storage;
  }

  /**
   * @param binding the largest part of it that one kernel binds; default all of it
   * @throws OutOfMemoryError for sizes beyond the adapter's limits
   */
  createBuffer(size: number, usage: number, label: string, binding = size): GPUBuffer {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits;
    const refuse = (limit: number, what: string, got: number) => {
      throw new OutOfMemoryError(
        `webgpu: expected at most ${limit} bytes in one ${what} (the adapter's limit), got ${got} for ${label}`,
      );
    };
    if (size > maxBufferSize) refuse(maxBufferSize, 'buffer', size);
    if (usage & BufferUsage.STORAGE && binding > maxStorageBufferBindingSize)
      refuse(maxStorageBufferBindingSize, 'buffer', binding);
    return this.gpu.createBuffer({ size, usage, label });
  }

  /** Compiled once per text and shared by all plans. */
  pipeline(composed: Composed): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(composed.code);
    if (!pipeline) {
      pipeline = this.#createPipeline(composed);
      this.#pipelines.set(composed.code, pipeline);
    }
    return pipeline;
  }

  async #createPipeline({ name, code, bindings }: Composed): Promise<GPUComputePipeline> {
    const layout = this.gpu.createPipelineLayout({ bindGroupLayouts: [this.layout(bindings)] });
    const module = this.gpu.createShaderModule({ code, label: name });
    try {
      return await this.gpu.createComputePipelineAsync({
        layout,
        compute: { module, entryPoint: 'main' },
        label: name,
      });
    } catch (cause) {
      const messages = (await module.getCompilationInfo()).messages
        .map((m) => `${m.lineNum}: ${m.message}`)
        .join('\n');
      throw new DeviceError(`webgpu: expected kernel ${name} to compile, got ${String(cause)}\n${messages}`, {
        cause,
      });
    }
  }

  /** Explicit and shared, so that bind groups do not depend on a pipeline. */
  layout(bindings: Composed['bindings']): GPUBindGroupLayout {
    const key = bindings.map(({ kind }) => kind).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types = { uniform: 'uniform', read: 'read-only-storage', read_write: 'storage' } as const;
      const entries = bindings.map(({ kind }, binding) => ({
        binding,
        visibility: STAGE_COMPUTE,
        buffer: { type: types[kind] },
      }));
      this.#layouts.set(key, (layout = this.gpu.createBindGroupLayout({ entries })));
    }
    return layout;
  }

  /** Free everything: parameters, plans and, unless it was given, the GPU device itself. */
  destroy(): void {
    this.#lostReason ??= 'destroyed: destroy() was called';
    for (const executor of this.#executors) executor.release();
    for (const { buffer } of this.#parameters.values()) buffer.destroy();
    this.#parameters.clear();
    if (this.#owned) this.gpu.destroy();
  }
}

/** The elements of a C-order array after permuting its axes. */
function permuteArray(data: TypedArray, shape: Shape, perm: readonly number[]): TypedArray {
  const result = newArray(
    data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32',
    data.length,
  );
  const target = perm.map((axis) => shape[axis]!);
  const sourceStrides = stridesOf(shape);
  const strides = perm.map((axis) => sourceStrides[axis]!);
  const at = new Array<number>(perm.length).fill(0);
  for (let i = 0, offset = 0; i < data.length; i++) {
    result[i] = data[offset]!;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      at[axis]!++;
      offset += strides[axis]!;
      if (at[axis]! < target[axis]!) break;
      offset -= strides[axis]! * target[axis]!;
      at[axis] = 0;
    }
  }
  return result;
}
