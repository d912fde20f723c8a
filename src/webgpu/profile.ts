import copyProbe from '../../shaders/probes/copy.wgsl';
import multiplyAddProbe from '../../shaders/probes/multiply_add.wgsl';
import {
  ArgumentError,
  DeviceError,
  type Parameter,
  type Profile,
  type ProfiledKernel,
  type ProfileOptions,
} from '../graph/index.ts';
import { addCosts, costOf, describeKernel, paddedBytes, type Cost, type Kernel } from '../plan/index.ts';
import type { Composed } from './compose.ts';
import type { WebGpuDevice } from './device.ts';
import type { Dispatch, Encodable, EncodePass } from './executor.ts';
import type { ShaderSource } from './kernels/index.ts';
import { BufferUsage, MAP_READ } from './usage.ts';

/** Browsers round timestamps to 100 µs: a kernel runs again and again until it has taken this long. */
const ENOUGH_MS = 10;
/** More repetitions would show nothing new, also of a kernel that takes less than a microsecond. */
const MAX_REPEATS = 10_000;

/**
 * Time the dispatches of a step, each kernel in passes of its own. Leaves parameters as they were.
 *
 * @param dispatches of one step, in order; their inputs are uploaded
 * @throws DeviceError when the device has no timestamps, ArgumentError for `repeats` below 1
 */
export async function profileDispatches(
  device: WebGpuDevice,
  dispatches: readonly Dispatch[],
  encodePass: EncodePass,
  { repeats }: ProfileOptions,
): Promise<Profile> {
  if (repeats !== undefined && !(Number.isInteger(repeats) && repeats >= 1))
    throw new ArgumentError('profile', 'repeats to be a whole number of at least 1', repeats);
  if (!device.gpu.features.has('timestamp-query'))
    throw new DeviceError(
      `profile: expected a device with the feature timestamp-query, got one without on ${device.name}. If you gave webgpu() a device, request that feature; otherwise this adapter cannot time kernels.`,
    );
  const watch = new Stopwatch(device, encodePass);
  const backup = new Backup(device, dispatches.flatMap(updatedBy));
  try {
    const peak = await peakOf(device, watch);
    const msOf = new Map<Kernel, number>();
    const calls = new Map<Kernel, Dispatch[]>();
    for (const dispatch of dispatches) {
      const [kernel] = dispatch.kernels as [Kernel];
      const before = calls.get(kernel);
      if (before) {
        before.push(dispatch);
        watch.run(dispatch); // later kernels read what it makes
        continue;
      }
      calls.set(kernel, [dispatch]);
      msOf.set(kernel, await watch.msPerRun(dispatch, repeats));
      // What updates a parameter in place has now done so many times.
      if (updatedBy(dispatch).length === 0) continue;
      backup.restore(updatedBy(dispatch));
      watch.run(dispatch);
    }
    const total = [...calls].reduce((sum, [kernel, all]) => sum + all.length * msOf.get(kernel)!, 0);
    const rowOf = new Map(
      [...calls].map(([kernel, all]) => [kernel, asRow(all, all.length * msOf.get(kernel)!, total, peak)]),
    );
    return new KernelProfile(
      device.name,
      peak,
      total,
      [...rowOf.values()],
      dispatches.map(({ kernels: [kernel] }) => rowOf.get(kernel!)!),
    );
  } finally {
    backup.restore();
    backup.destroy();
    watch.destroy();
  }
}

/** Parameters that a dispatch gives their next values. */
const updatedBy = ({ kernels, plan }: Dispatch): Parameter[] =>
  kernels.flatMap(({ stores }) => stores.flatMap((node) => plan.updates.get(node) ?? []));

function asRow(calls: readonly Dispatch[], ms: number, total: number, peak: Profile['peak']): ProfiledKernel {
  const [{ kernels, plan, line }] = calls as [Dispatch];
  const once: Cost = addCosts(kernels.map((kernel) => costOf(kernel, plan)));
  const [flops, bytes] = [once.flops * calls.length, once.bytes * calls.length];
  // one run of a short kernel may round to no time at all
  const [gflops, gbs] = [flops, bytes].map((n) => (ms > 0 ? n / ms / 1e6 : 0)) as [number, number];
  return {
    line,
    kernel: `${describeKernel(kernels[0]!)}${kernels.length > 1 ? ` (${kernels.length} updates in one)` : ''}`,
    calls: calls.length,
    ms,
    flops,
    bytes,
    gflops,
    gbs,
    share: total > 0 ? ms / total : 0,
    roofline: Math.max(gflops / peak.gflops, gbs / peak.gbs),
  };
}

/** Measures how long passes take on the GPU. */
class Stopwatch {
  readonly #device: WebGpuDevice;
  readonly #encodePass: EncodePass;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  constructor(device: WebGpuDevice, encodePass: EncodePass) {
    const { MAP_READ: MAPPABLE, COPY_SRC, COPY_DST, QUERY_RESOLVE } = BufferUsage;
    this.#device = device;
    this.#encodePass = encodePass;
    this.#queries = device.gpu.createQuerySet({ type: 'timestamp', count: 2 });
    this.#resolved = device.createBuffer(16, QUERY_RESOLVE | COPY_SRC, 'timestamps');
    this.#staging = device.createBuffer(16, MAPPABLE | COPY_DST, 'timestamps read');
  }

  /** Enqueue a dispatch without timing it. */
  run(dispatch: Encodable): void {
    const encoder = this.#device.gpu.createCommandEncoder();
    this.#encodePass(encoder, [dispatch]);
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  /** Mean ms of a dispatch in one pass of `repeats` of them, or of as many as take `ENOUGH_MS`, after one to warm up. */
  async msPerRun(dispatch: Encodable, repeats?: number): Promise<number> {
    await this.#msOfPass(dispatch, 1);
    if (repeats !== undefined) return (await this.#msOfPass(dispatch, repeats)) / repeats;
    for (let count = 1; ; ) {
      const ms = await this.#msOfPass(dispatch, count);
      if (ms >= ENOUGH_MS || count === MAX_REPEATS) return ms / count;
      const factor = Math.min(Math.max((1.2 * ENOUGH_MS) / ms, 2), 100);
      count = Math.min(Math.ceil(count * factor), MAX_REPEATS);
    }
  }

  async #msOfPass(dispatch: Encodable, count: number): Promise<number> {
    const encoder = this.#device.gpu.createCommandEncoder();
    this.#encodePass(encoder, new Array<Encodable>(count).fill(dispatch), {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: 0,
        endOfPassWriteIndex: 1,
      },
    });
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, 16);
    this.#device.gpu.queue.submit([encoder.finish()]);
    try {
      await this.#staging.mapAsync(MAP_READ);
    } catch (error) {
      throw await this.#device.explain(error);
    }
    const [begin, end] = new BigUint64Array(this.#staging.getMappedRange());
    const ms = Number(end! - begin!) / 1e6;
    this.#staging.unmap();
    return ms;
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}

/** Values of parameters as they were. */
class Backup {
  readonly #device: WebGpuDevice;
  readonly #copies = new Map<Parameter, GPUBuffer>();

  constructor(device: WebGpuDevice, parameters: readonly Parameter[]) {
    this.#device = device;
    const { COPY_SRC, COPY_DST } = BufferUsage;
    for (const parameter of parameters)
      this.#copies.set(
        parameter,
        device.createBuffer(paddedBytes(parameter), COPY_SRC | COPY_DST, `${parameter.label} before`),
      );
    this.#copy((encoder, stored, offset, copy) =>
      encoder.copyBufferToBuffer(stored, offset, copy, 0, copy.size),
    );
  }

  /** Give these parameters (default: all) their values back. */
  restore(parameters?: readonly Parameter[]): void {
    this.#copy(
      (encoder, stored, offset, copy) => encoder.copyBufferToBuffer(copy, 0, stored, offset, copy.size),
      parameters,
    );
  }

  #copy(
    encode: (encoder: GPUCommandEncoder, stored: GPUBuffer, offset: number, copy: GPUBuffer) => void,
    parameters: Iterable<Parameter> = this.#copies.keys(),
  ): void {
    const encoder = this.#device.gpu.createCommandEncoder();
    for (const parameter of parameters) {
      const { buffer, offset } = this.#device.storageOf(parameter)!;
      encode(encoder, buffer, offset, this.#copies.get(parameter)!);
    }
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const copy of this.#copies.values()) copy.destroy();
  }
}

// --- What the adapter can do at best -------------------------------------------------------------

const peaks = new WeakMap<WebGpuDevice, Promise<Profile['peak']>>();

/** Measured once per device. */
function peakOf(device: WebGpuDevice, watch: Stopwatch): Promise<Profile['peak']> {
  let peak = peaks.get(device);
  if (!peak) {
    peak = measurePeak(device, watch);
    peaks.set(device, peak);
    peak.catch(() => peaks.delete(device));
  }
  return peak;
}

/** Invocations in a workgroup of the probes. */
const WORKGROUP = 64;
/** Of each probe the best of this many passes counts. */
const PROBE_PASSES = 3;

async function measurePeak(device: WebGpuDevice, watch: Stopwatch): Promise<Profile['peak']> {
  const [invocations, iterations, multiplyAdds] = [65_536, 256, 8 * 4];
  const copied = 2 ** 25; // bytes: more than the caches of most adapters
  const arithmetic = await shortestMs(
    device,
    watch,
    multiplyAddProbe,
    `const ITERATIONS = ${iterations}u;\n`,
    [4 * invocations],
    invocations,
  );
  const copy = await shortestMs(device, watch, copyProbe, '', [copied, copied], copied / 16);
  return {
    gflops: (2 * multiplyAdds * iterations * invocations) / arithmetic / 1e6,
    gbs: (2 * copied) / copy / 1e6,
  };
}

/** @param bytes of the buffer of each binding */
async function shortestMs(
  device: WebGpuDevice,
  watch: Stopwatch,
  { name, code, bindings }: ShaderSource,
  constants: string,
  bytes: readonly number[],
  invocations: number,
): Promise<number> {
  const buffers = bytes.map((size) => device.createBuffer(size, BufferUsage.STORAGE, name));
  const table = bindings.map(({ kind }): Composed['bindings'][number] => ({
    kind: kind === 'storage-read' ? 'read' : 'read_write',
    buffer: 'scalars',
  }));
  const pipeline = await device.pipeline({ name, code: constants + code, bindings: table, workgroups: 0 });
  const bindGroup = device.gpu.createBindGroup({
    layout: device.layout(table),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const times: number[] = [];
  for (let i = 0; i < PROBE_PASSES; i++)
    times.push(await watch.msPerRun({ pipeline, bindGroup, x: invocations / WORKGROUP, y: 1 }));
  for (const buffer of buffers) buffer.destroy();
  return Math.min(...times);
}

// --- The result ------------------------------------------------------------------------------------

/** Longer names of kernels are cut in the table. */
const LABEL_LENGTH = 44;

class KernelProfile implements Profile {
  readonly adapter: string;
  readonly peak: Profile['peak'];
  readonly ms: number;
  readonly rows: readonly ProfiledKernel[];
  /** The row of each dispatch, in order. */
  readonly #sequence: readonly ProfiledKernel[];

  constructor(
    adapter: string,
    peak: Profile['peak'],
    ms: number,
    rows: readonly ProfiledKernel[],
    sequence: readonly ProfiledKernel[],
  ) {
    this.adapter = adapter;
    this.peak = peak;
    this.ms = ms;
    this.rows = rows;
    this.#sequence = sequence;
  }

  toString(): string {
    const head = ['line', 'kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'GB/s', '% of roofline'];
    const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
    const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
    const cells = [...this.rows]
      .sort((a, b) => b.ms - a.ms)
      .map(({ line, kernel, calls, ms, share, gflops, gbs, roofline }) => [
        line,
        kernel.length > LABEL_LENGTH ? `${kernel.slice(0, LABEL_LENGTH - 1)}…` : kernel,
        String(calls),
        digits(ms),
        percent(share),
        digits(gflops),
        digits(gbs),
        (100 * roofline).toFixed(0),
      ]);
    const widths = head.map((name, column) =>
      Math.max(name.length, ...cells.map((row) => row[column]!.length)),
    );
    const lines = [head, ...cells].map((row) =>
      row
        .map((cell, column) => (column === 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  '),
    );
    const { gflops, gbs } = this.peak;
    return [
      ...lines,
      `${digits(this.ms)} ms in ${this.#sequence.length} dispatches, timed one by one`,
      `roofline: ${digits(gflops)} GFLOP/s, ${digits(gbs)} GB/s, measured on ${this.adapter}`,
    ].join('\n');
  }

  toChromeTrace(): string {
    let end = 0;
    const traceEvents = this.#sequence.map(({ line, kernel, calls, ms, ...rest }) => {
      const [begin, duration] = [end, (1000 * ms) / calls];
      end += duration;
      const { gflops, gbs, roofline } = rest;
      return {
        name: kernel,
        cat: 'kernel',
        ph: 'X', // an event with a duration; times in µs
        ts: begin,
        dur: duration,
        pid: 1,
        tid: 1,
        args: { line, gflops, gbs, roofline },
      };
    });
    return JSON.stringify({ displayTimeUnit: 'ms', otherData: { adapter: this.adapter }, traceEvents });
  }
}
