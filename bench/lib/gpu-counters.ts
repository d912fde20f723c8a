// Counts WebGPU calls and live buffer bytes by wrapping the prototypes. Import it before any library.

const counts = {
  dispatch: 0,
  pass: 0,
  submit: 0,
  encoder: 0,
  writeBuffer: 0,
  writeBytes: 0,
  copyB2B: 0,
  mapAsync: 0,
  createBuffer: 0,
  createBytes: 0,
  destroy: 0,
  createBindGroup: 0,
  pipeline: 0,
};
export type GpuCounts = typeof counts;

/** Bytes of buffers that are not destroyed. One dropped to the garbage collector stays counted. */
const bytes = { live: 0, peak: 0 };
const sizes = new WeakMap<GPUBuffer, number>();
const devices: GPUDevice[] = [];
const errors: string[] = [];
const adapters = new Set<string>();

type Method = (this: unknown, ...args: never[]) => unknown;

/** Call `after` with the arguments and the result of each call of a method. */
function watch<K extends string, T extends Record<K, Method>>(
  prototype: T,
  name: K,
  after: (args: Parameters<T[K]>, result: ReturnType<T[K]>, self: T) => void,
): void {
  const original = prototype[name];
  prototype[name] = function (this: T, ...args: never[]) {
    const result = original.apply(this, args);
    after(args as Parameters<T[K]>, result as ReturnType<T[K]>, this);
    return result;
  } as T[K];
}

if (typeof GPUDevice !== 'undefined') {
  watch(GPUDevice.prototype, 'createBuffer', ([{ size }], buffer) => {
    counts.createBuffer++;
    counts.createBytes += size;
    sizes.set(buffer, size);
    bytes.live += size;
    bytes.peak = Math.max(bytes.peak, bytes.live);
  });
  watch(GPUBuffer.prototype, 'destroy', (_, __, buffer) => {
    counts.destroy++;
    bytes.live -= sizes.get(buffer) ?? 0;
    sizes.delete(buffer);
  });
  watch(GPUQueue.prototype, 'writeBuffer', ([, , data, from = 0, length]) => {
    counts.writeBuffer++;
    const unit = (data as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    counts.writeBytes += length === undefined ? data.byteLength - from * unit : length * unit;
  });
  watch(GPUBuffer.prototype, 'mapAsync', () => counts.mapAsync++);
  watch(GPUDevice.prototype, 'createBindGroup', () => counts.createBindGroup++);
  watch(GPUDevice.prototype, 'createCommandEncoder', () => counts.encoder++);
  watch(GPUDevice.prototype, 'createComputePipeline', () => counts.pipeline++);
  watch(GPUDevice.prototype, 'createComputePipelineAsync', () => counts.pipeline++);
  watch(GPUQueue.prototype, 'submit', () => counts.submit++);
  watch(GPUCommandEncoder.prototype, 'beginComputePass', () => counts.pass++);
  watch(GPUCommandEncoder.prototype, 'copyBufferToBuffer', () => counts.copyB2B++);
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => counts.dispatch++);
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', () => counts.dispatch++);
  watchDevices();
}

/** Remember every device, the adapter it came from, and its uncaptured errors. */
function watchDevices(): void {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    adapters.add([this.info.vendor, this.info.architecture, this.info.description].filter(Boolean).join(' '));
    device.addEventListener('uncapturederror', ({ error }) => {
      if (errors.length < 20) errors.push(error.message.slice(0, 400));
    });
    void device.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') errors.push(`device lost: ${message}`);
    });
    return device;
  };
}

/** Calls so far. */
export const gpuCounts = (): GpuCounts => ({ ...counts });
/** Live and highest buffer bytes. */
export const gpuBytes = () => ({ ...bytes });
/** Measure the highest buffer bytes from here on. */
export function resetPeak(): void {
  bytes.peak = bytes.live;
}
/** Errors that nobody captured, and lost devices. */
export const gpuErrors = (): string[] => [...errors];
/** The adapters that devices were requested from. */
export const gpuAdapters = (): string[] => [...adapters];

/** Resolves when the queues of all devices are empty. */
export async function gpuDone(): Promise<void> {
  await Promise.all(devices.map((device) => device.queue.onSubmittedWorkDone()));
}

const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/** Run something inside error scopes of all devices: a failed validation would look infinitely fast. */
export async function withErrorScopes<T>(run: () => Promise<T>): Promise<T> {
  for (const device of devices) for (const filter of FILTERS) device.pushErrorScope(filter);
  const result = await run();
  const scopes = await Promise.all(devices.flatMap((device) => FILTERS.map(() => device.popErrorScope())));
  const messages = scopes.filter((error) => error !== null).map((error) => error.message);
  if (messages.length > 0) throw new Error(`GPU error in a timed run: ${messages[0]}`);
  return result;
}
