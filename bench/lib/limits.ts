// What this adapter can do at best, in hand-written WGSL: arithmetic, matrix products, copies, and the cost of
// each WebGPU call. A library's figures are read against these.
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
  const matmul = await measureMatmul(probe);
  const copy = await measureCopy(probe);
  const matmulBest = matmul.filter(({ correct }) => correct).reduce((a, b) => (b.gflops > a.gflops ? b : a));
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
    gflops: Math.max(matmulBest.gflops, ...fma.map((row) => row.gflops)),
    copyGBs: Math.max(...copy.map((row) => row.GBs)),
    matmulBest,
    calls,
    fma,
    matmul,
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

/** One candidate: each invocation computes `rows` × 4 `columns4` elements of C. */
interface Tile {
  readonly rows: number;
  readonly columns4: number;
  readonly workgroup: readonly [x: number, y: number];
}
const tile = (rows: number, columns4: number, x: number, y: number): Tile => ({
  rows,
  columns4,
  workgroup: [x, y],
});

const TILES: Record<512 | 1024, Tile[]> = {
  512: [
    tile(4, 1, 8, 8),
    tile(4, 2, 4, 4),
    tile(8, 1, 4, 4),
    tile(8, 2, 4, 4),
    tile(8, 2, 2, 2),
    tile(4, 4, 4, 4),
    tile(16, 1, 4, 4),
    tile(8, 4, 2, 2),
    tile(16, 4, 2, 2),
  ],
  1024: [tile(4, 2, 4, 4), tile(8, 2, 4, 4), tile(8, 4, 2, 2), tile(16, 4, 2, 2)],
};

/** n × n products: register tiles straight from memory, and the classic form through workgroup memory. */
async function measureMatmul(probe: Probe) {
  const rows = [];
  for (const n of [512, 1024] as const) {
    const [a, b, c] = [probe.buffer(n * n * 4), probe.buffer(n * n * 4), probe.buffer(n * n * 4)];
    const valuesOfA = Float32Array.from({ length: n * n }, (_, i) => ((i * 7) % 13) - 6);
    const valuesOfB = Float32Array.from({ length: n * n }, (_, i) => ((i * 5) % 11) - 5);
    probe.device.queue.writeBuffer(a, 0, valuesOfA);
    probe.device.queue.writeBuffer(b, 0, valuesOfB);
    const candidates = TILES[n].map((t) => ({
      name: `registers ${t.rows}x${t.columns4 * 4}, workgroup ${t.workgroup.join('x')}`,
      code: registerMatmulShader(n, t),
      workgroups: [n / 4 / t.columns4 / t.workgroup[0], n / t.rows / t.workgroup[1]] as Workgroups,
    }));
    candidates.push({
      name: 'workgroup memory 32x32x32',
      code: workgroupMatmulShader(n),
      workgroups: [n / 32, n / 32],
    });
    for (const { name, code, workgroups } of candidates) {
      const kernel = await probe.kernel(code, [a, b, c]);
      probe.submit((encoder) => encoder.clearBuffer(c));
      const ms = await probe.shortest(
        () => probe.submit((encoder) => probe.dispatch(encoder, kernel, workgroups)),
        3,
      );
      const correct = productIsCorrect(valuesOfA, valuesOfB, await probe.read(c), n);
      rows.push({ n, name, gflops: rounded((2 * n ** 3) / ms / 1e6), correct });
    }
    for (const buffer of [a, b, c]) buffer.destroy();
  }
  return rows;
}

/** Checks a few elements. The values are small integers, so the sums are exact. */
function productIsCorrect(a: Float32Array, b: Float32Array, c: Float32Array, n: number): boolean {
  const samples = [
    [0, 0],
    [3, 77],
    [n - 1, n - 1],
    [n >> 1, 5],
  ] as const;
  return samples.every(([i, j]) => {
    const dot = range(n).reduce((sum, k) => sum + a[i * n + k]! * b[k * n + j]!, 0);
    return dot === c[i * n + j];
  });
}

const MATMUL_BINDINGS = `
  @group(0) @binding(0) var<storage, read> a: array<vec4f>;
  @group(0) @binding(1) var<storage, read> b: array<vec4f>;
  @group(0) @binding(2) var<storage, read_write> c: array<vec4f>;`;

function registerMatmulShader(n: number, { rows, columns4, workgroup: [x, y] }: Tile): string {
  const n4 = n / 4;
  const each = (f: (row: number, column: number) => string) =>
    range(rows)
      .flatMap((row) => range(columns4).map((column) => f(row, column)))
      .join('\n');
  // row p of the 4 x 4 block of A picks a row of B
  const multiply = ['x', 'y', 'z', 'w'].map(
    (component, p) => `{
      ${range(columns4)
        .map((column) => `let b${column} = b[(4u * k + ${p}u) * ${n4}u + first_column + ${column}u];`)
        .join('\n')}
      ${each((row, column) => `c${row}_${column} = fma(vec4f(a${row}.${component}), b${column}, c${row}_${column});`)}
    }`,
  );
  return `${MATMUL_BINDINGS}
    @compute @workgroup_size(${x}, ${y})
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let first_row = id.y * ${rows}u;
      let first_column = id.x * ${columns4}u;
      ${each((row, column) => `var c${row}_${column} = vec4f();`)}
      for (var k = 0u; k < ${n4}u; k++) {
        ${range(rows)
          .map((row) => `let a${row} = a[(first_row + ${row}u) * ${n4}u + k];`)
          .join('\n')}
        ${multiply.join('\n')}
      }
      ${each((row, column) => `c[(first_row + ${row}u) * ${n4}u + first_column + ${column}u] = c${row}_${column};`)}
    }`;
}

/** The usual form for discrete GPUs: 8 × 8 invocations stage 32 × 32 tiles and compute 4 × 4 elements each. */
function workgroupMatmulShader(n: number): string {
  const n4 = n / 4;
  return `${MATMUL_BINDINGS}
    var<workgroup> tile_a: array<array<vec4f, 8>, 32>;
    var<workgroup> tile_b: array<array<vec4f, 8>, 32>;
    @compute @workgroup_size(8, 8)
    fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
      var sums: array<vec4f, 4>;
      for (var t = 0u; t < ${n / 32}u; t++) {
        for (var i = 0u; i < 4u; i++) {
          let row = local.y * 4u + i;
          tile_a[row][local.x] = a[(group.y * 32u + row) * ${n4}u + t * 8u + local.x];
          tile_b[row][local.x] = b[(t * 32u + row) * ${n4}u + group.x * 8u + local.x];
        }
        workgroupBarrier();
        for (var k = 0u; k < 8u; k++) {
          let b0 = tile_b[k * 4u][local.x];
          let b1 = tile_b[k * 4u + 1u][local.x];
          let b2 = tile_b[k * 4u + 2u][local.x];
          let b3 = tile_b[k * 4u + 3u][local.x];
          for (var i = 0u; i < 4u; i++) {
            let row = tile_a[local.y * 4u + i][k];
            sums[i] += row.x * b0 + row.y * b1 + row.z * b2 + row.w * b3;
          }
        }
        workgroupBarrier();
      }
      for (var i = 0u; i < 4u; i++) {
        c[(group.y * 32u + local.y * 4u + i) * ${n4}u + group.x * 8u + local.x] = sums[i];
      }
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
