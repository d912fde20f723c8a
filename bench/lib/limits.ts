// What this adapter can do at best, in hand-written WGSL: arithmetic, copies, and the cost of each WebGPU
// call. A library's figures are read against these. Matrix products are in adapters/hand-written.ts.
import { Probe, range, rounded, type Workgroups } from './probe.ts';

/** Everything, in the units of the names (Us: microseconds). Takes a minute or two on a software adapter. */
export async function limits() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  const errors: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message.slice(0, 300)));
  const probe = new Probe(device);
  const fma = await measureFma(probe);
  const copy = await measureCopy(probe);
  const calls = await measureCalls(probe);
  const result = {
    adapter: {
      vendor: adapter.info.vendor,
      architecture: adapter.info.architecture,
      description: adapter.info.description,
      features: [...adapter.features],
      subgroupSizes: [adapter.info.subgroupMinSize, adapter.info.subgroupMaxSize],
      workgroupStorage: adapter.limits.maxComputeWorkgroupStorageSize,
    },
    gflops: Math.max(...fma.map((row) => row.gflops)),
    copyGBs: Math.max(...copy.map((row) => row.GBs)),
    calls,
    fma,
    copy,
    errors,
  };
  device.destroy();
  return result;
}

const medianOf = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Multiply-adds on registers only: independent accumulators per invocation, no memory in the loop. */
async function measureFma(probe: Probe) {
  const [invocations, iterations] = [65536, 256];
  const rows = [];
  for (const [accumulators, type] of [
    [2, 'vec4f'],
    [4, 'vec4f'],
    [8, 'vec4f'],
    [8, 'f32'],
    [16, 'f32'],
  ] as const)
    for (const workgroup of [16, 64]) {
      const buffer = probe.buffer(invocations * 4);
      const kernel = await probe.kernel(fmaShader(accumulators, type, workgroup, iterations), [buffer]);
      const ms = await probe.shortest(() =>
        probe.submit((encoder) => probe.dispatch(encoder, kernel, [invocations / workgroup])),
      );
      const flop = 2 * accumulators * (type === 'f32' ? 1 : 4) * iterations * invocations;
      rows.push({ accumulators, type, workgroup, gflops: rounded(flop / ms / 1e6) });
      buffer.destroy();
    }
  return rows;
}

function fmaShader(
  accumulators: number,
  type: 'f32' | 'vec4f',
  workgroup: number,
  iterations: number,
): string {
  const names = range(accumulators).map((i) => `a${i}`);
  return `
    @group(0) @binding(0) var<storage, read_write> values: array<f32>;
    @compute @workgroup_size(${workgroup})
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let seed = values[id.x];
      let factor = ${type}(seed * 0.5 + 0.25);
      let term = ${type}(seed * 0.1 + 0.01);
      ${names.map((name, i) => `var ${name} = ${type}(seed + ${i}.0);`).join(' ')}
      for (var i = 0u; i < ${iterations}u; i++) {
        ${names.map((name) => `${name} = fma(${name}, factor, term);`).join(' ')}
      }
      let total = ${names.join(' + ')};
      values[id.x] = ${type === 'f32' ? 'total' : 'dot(total, vec4f(1.0))'};
    }`;
}

/** 64 MiB in and 64 MiB out, by kernels and by copyBufferToBuffer. */
async function measureCopy(probe: Probe) {
  const elements = 16 * 2 ** 20;
  const bytes = elements * 4;
  const [from, to] = [probe.buffer(bytes), probe.buffer(bytes)];
  const rows: { name: string; GBs: number }[] = [];
  const add = (name: string, ms: number) => rows.push({ name, GBs: rounded((2 * bytes) / ms / 1e6) });
  for (const [name, type, perInvocation] of [
    ['f32', 'f32', 1],
    ['vec4f', 'vec4f', 1],
    ['4 vec4f', 'vec4f', 4],
  ] as const) {
    const kernel = await probe.kernel(
      `@group(0) @binding(0) var<storage, read> from_values: array<${type}>;
       @group(0) @binding(1) var<storage, read_write> to_values: array<${type}>;
       @compute @workgroup_size(64)
       fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
         let i = (id.x + id.y * groups.x * 64u) * ${perInvocation}u;
         ${range(perInvocation)
           .map((j) => `to_values[i + ${j}u] = from_values[i + ${j}u];`)
           .join(' ')}
       }`,
      [from, to],
    );
    const invocations = elements / (type === 'f32' ? 1 : 4) / perInvocation;
    const workgroups: Workgroups = [512, invocations / 64 / 512]; // more than 65,535 do not fit in one axis
    add(
      name,
      await probe.shortest(() => probe.submit((encoder) => probe.dispatch(encoder, kernel, workgroups))),
    );
  }
  const copy = () => probe.submit((encoder) => encoder.copyBufferToBuffer(from, 0, to, 0, bytes));
  add('copyBufferToBuffer', await probe.shortest(copy));
  from.destroy();
  to.destroy();
  return rows;
}

/** Host and device time of each kind of WebGPU call, in µs per call. */
async function measureCalls(probe: Probe) {
  const { device } = probe;
  const times = 1000;
  const buffer = probe.buffer(256);
  const increment = await probe.kernel(
    `@group(0) @binding(0) var<storage, read_write> counter: array<f32>;
     @compute @workgroup_size(1) fn main() { counter[0] += 1.0; }`,
    [buffer],
  );
  const repeat = (f: () => void) => {
    for (let i = 0; i < times; i++) f();
  };
  const usPerCall = async (enqueue: () => void) =>
    rounded((medianOf(await probe.times(enqueue, 5)) * 1000) / times);
  const words = new Uint32Array(16);
  const result = {
    dispatchUs: await usPerCall(() =>
      probe.submit((encoder) => probe.dispatch(encoder, increment, [1], times)),
    ),
    passUs: await usPerCall(() =>
      probe.submit((encoder) => repeat(() => probe.dispatch(encoder, increment, [1]))),
    ),
    submitUs: await usPerCall(() =>
      repeat(() => probe.submit((encoder) => probe.dispatch(encoder, increment, [1]))),
    ),
    bindGroupUs: await usPerCall(() => repeat(() => probe.bind(increment.pipeline, increment.buffers))),
    writeBufferUs: await usPerCall(() => repeat(() => device.queue.writeBuffer(buffer, 0, words))),
    createBufferUs: await usPerCall(() => repeat(() => probe.buffer(65536).destroy())),
    readBackMs: await readBackMs(probe, buffer),
    emptyQueueMs: rounded(medianOf(await probe.times(() => device.queue.submit([]), 30))),
  };
  buffer.destroy();
  return result;
}

async function readBackMs(probe: Probe, buffer: GPUBuffer): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const begin = performance.now();
    await probe.read(buffer);
    times.push(performance.now() - begin);
  }
  return rounded(medianOf(times));
}
