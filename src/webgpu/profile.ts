import copyProbe from '../../shaders/probes/copy.wgsl';
import multiplyAddProbe from '../../shaders/probes/multiply_add.wgsl';
import {
  ArgumentError,
  DeviceError,
  type Profile,
  type ProfiledKernel,
  type ProfileOptions,
} from '../graph/index.ts';
import { addCosts, costOf, describeKernel, type Cost, type Kernel, type Plan } from '../plan/index.ts';
import type { Composed } from './compose.ts';
import type { WebGpuDevice } from './device.ts';
import type { Dispatch, EncodePass } from './executor.ts';
import type { ShaderSource } from './kernels/index.ts';
import { Backup, Stopwatch, updatedBy } from './stopwatch.ts';
import { BufferUsage } from './usage.ts';

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

function asRow(calls: readonly Dispatch[], ms: number, total: number, peak: Profile['peak']): ProfiledKernel {
  const [{ kernels, plan, line }] = calls as [Dispatch];
  const once: Cost = addCosts(kernels.map((kernel) => costOf(kernel, plan)));
  const [flops, bytes] = [once.flops * calls.length, once.bytes * calls.length];
  // one run of a short kernel may round to no time at all
  const [gflops, gbs] = [flops, bytes].map((n) => (ms > 0 ? n / ms / 1e6 : 0)) as [number, number];
  return {
    line,
    kernel: nameOf(kernels, plan),
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

/** Of updates that became one the first stands for all; others run beside each other. */
function nameOf(kernels: readonly Kernel[], { beside }: Plan): string {
  const names = kernels.map(describeKernel);
  const isMerged = kernels.slice(1).some((kernel) => !beside.has(kernel));
  return isMerged ? `${names[0]} (${names.length} updates in one)` : names.join(' | ');
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
