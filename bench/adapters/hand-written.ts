// Matrix products by kernels written for one size each: what a library's product is read against. A step is one dispatch
// in a submit of its own, the least that a library's step can be, and it is timed in the same rounds as those.
import { gpuDone } from '../lib/gpu-counters.ts';
import { Probe, range, rounded, type Kernel, type Workgroups } from '../lib/probe.ts';
import { NotImplemented, unused, type Adapter, type Runner, type Shared } from '../lib/types.ts';

const NAME = 'hand-written';

/** The sizes of a product, and which operand is stored as its transpose. */
interface Product {
  readonly op: string;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

interface Variant {
  readonly name: string;
  readonly code: string;
  readonly workgroups: Workgroups;
}

/** Each invocation computes rows × columns elements of C; both are multiples of 4. */
type Tile = readonly [rows: number, columns: number, workgroup: readonly [x: number, y: number]];

const TILES: readonly Tile[] = [
  [4, 4, [8, 8]],
  [4, 8, [4, 4]],
  [8, 4, [4, 4]],
  [8, 8, [4, 4]],
  [8, 8, [2, 2]],
  [4, 16, [4, 4]],
  [16, 4, [4, 4]],
  [8, 16, [2, 2]],
  [16, 16, [2, 2]],
];

/** Edge of the tiles of the workgroup-memory kernel. */
const EDGE = 32;

function variantsOf(product: Product): Variant[] {
  const { op, m, k, n } = product;
  const variants = TILES.map((tile): Variant => {
    const [rows, columns, [x, y]] = tile;
    return {
      name: `${rows}x${columns} by ${x}x${y}`,
      code: registerShader(product, tile),
      workgroups: [Math.ceil(n / columns / x), Math.ceil(m / rows / y)],
    };
  });
  if (op === 'matmulNN' && [m, k, n].every((size) => size % EDGE === 0))
    variants.push({
      name: 'workgroup memory',
      code: workgroupShader(product),
      workgroups: [n / EDGE, m / EDGE],
    });
  return variants;
}

const BINDINGS = `
  @group(0) @binding(0) var<storage, read> a: array<vec4f>;
  @group(0) @binding(1) var<storage, read> b: array<vec4f>;
  @group(0) @binding(2) var<storage, read_write> c: array<vec4f>;`;

/** How an invocation reads `count` rows of A (or columns of B) from `first` on, for k from 4 q to 4 q + 3. */
interface Operand {
  /** Loads for all four k. */
  readonly loads: string[];
  /** Loads for k = 4 q + p. */
  loadsAt(p: number): string[];
  /** Row (or column) `first + i` at k = 4 q + p. */
  element(i: number, p: number): string;
}

const component = (i: number) => 'xyzw'[i % 4]!;

/** Of a matrix with k along its rows: a vec4 holds four k. */
const alongRows = (name: string, first: string, count: number, k: number): Operand => ({
  loads: range(count).map((i) => `let ${name}${i} = ${name}[(${first} + ${i}u) * ${k / 4}u + q];`),
  loadsAt: () => [],
  element: (i, p) => `${name}${i}.${component(p)}`,
});

/** Of a matrix with k down its columns, `width` of them: a vec4 holds four columns. */
const downColumns = (name: string, first: string, count: number, width: number): Operand => ({
  loads: [],
  loadsAt: (p) =>
    range(count / 4).map(
      (i) => `let ${name}${i} = ${name}[(4u * q + ${p}u) * ${width / 4}u + ${first} / 4u + ${i}u];`,
    ),
  element: (i) => `${name}${i >> 2}.${component(i)}`,
});

/** Register tiles straight from memory. Tiles that would stick out repeat the last one. */
function registerShader({ op, m, k, n }: Product, [rows, columns, [x, y]]: Tile): string {
  const a = op === 'matmulTN' ? downColumns('a', 'row', rows, m) : alongRows('a', 'row', rows, k);
  const b = op === 'matmulNT' ? alongRows('b', 'column', columns, k) : downColumns('b', 'column', columns, n);
  const columns4 = range(columns / 4);
  const each = (f: (i: number, j: number) => string) =>
    range(rows)
      .flatMap((i) => columns4.map((j) => f(i, j)))
      .join('\n');
  const multiply = range(4).map(
    (p) => `{
      ${[...a.loadsAt(p), ...b.loadsAt(p)].join('\n')}
      ${columns4
        .map(
          (j) =>
            `let of_b${j} = vec4f(${range(4)
              .map((i) => b.element(4 * j + i, p))
              .join(', ')});`,
        )
        .join('\n')}
      ${each((i, j) => `c${i}_${j} = fma(vec4f(${a.element(i, p)}), of_b${j}, c${i}_${j});`)}
    }`,
  );
  return `${BINDINGS}
    @compute @workgroup_size(${x}, ${y})
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let row = min(id.y * ${rows}u, ${m - rows}u);
      let column = min(id.x * ${columns}u, ${n - columns}u);
      ${each((i, j) => `var c${i}_${j} = vec4f();`)}
      for (var q = 0u; q < ${k / 4}u; q++) {
        ${[...a.loads, ...b.loads].join('\n')}
        ${multiply.join('\n')}
      }
      ${each((i, j) => `c[(row + ${i}u) * ${n / 4}u + column / 4u + ${j}u] = c${i}_${j};`)}
    }`;
}

/** The usual form for discrete GPUs: 8 × 8 invocations stage 32 × 32 tiles and compute 4 × 4 elements each. */
function workgroupShader({ k, n }: Product): string {
  const [k4, n4] = [k / 4, n / 4];
  return `${BINDINGS}
    var<workgroup> tile_a: array<array<vec4f, 8>, ${EDGE}>;
    var<workgroup> tile_b: array<array<vec4f, 8>, ${EDGE}>;
    @compute @workgroup_size(8, 8)
    fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
      var sums: array<vec4f, 4>;
      for (var t = 0u; t < ${k / EDGE}u; t++) {
        for (var i = 0u; i < 4u; i++) {
          let row = local.y * 4u + i;
          tile_a[row][local.x] = a[(group.y * ${EDGE}u + row) * ${k4}u + t * 8u + local.x];
          tile_b[row][local.x] = b[(t * ${EDGE}u + row) * ${n4}u + group.x * 8u + local.x];
        }
        workgroupBarrier();
        for (var q = 0u; q < 8u; q++) {
          let b0 = tile_b[q * 4u][local.x];
          let b1 = tile_b[q * 4u + 1u][local.x];
          let b2 = tile_b[q * 4u + 2u][local.x];
          let b3 = tile_b[q * 4u + 3u][local.x];
          for (var i = 0u; i < 4u; i++) {
            let row = tile_a[local.y * 4u + i][q];
            sums[i] += row.x * b0 + row.y * b1 + row.z * b2 + row.w * b3;
          }
        }
        workgroupBarrier();
      }
      for (var i = 0u; i < 4u; i++) {
        c[(group.y * ${EDGE}u + local.y * 4u + i) * ${n4}u + group.x * 8u + local.x] = sums[i];
      }
    }`;
}

interface Candidate extends Variant {
  readonly kernel: Kernel;
  ms: number;
}

/**
 * Sorts by shortest time, by successive halving: all run in turn, the slower half drops out, and those left run twice as
 * often, until there is one.
 */
async function fastestFirst(candidates: Candidate[], run: (candidate: Candidate) => void): Promise<void> {
  for (let left = candidates.length; left > 1; left = Math.ceil(left / 2)) {
    const turns = range(Math.floor(candidates.length / left)).flatMap(() => candidates.slice(0, left));
    for (const candidate of turns) {
      const begin = performance.now();
      run(candidate);
      await gpuDone();
      candidate.ms = Math.min(candidate.ms, performance.now() - begin);
    }
    candidates.sort((a, b) => a.ms - b.ms);
  }
}

/** Keeps the fastest variant. Whether its product is right, the harness compares. */
async function build(probe: Probe, { name, spec, batches }: Shared): Promise<Runner> {
  const { op, sizes, flop } = spec;
  if (!op?.startsWith('matmul')) throw new NotImplemented(NAME, name);
  const product = { op, ...(sizes as Record<'m' | 'k' | 'n', number>) };
  const buffers = Object.values(batches[0]!).map(({ data }) => {
    const buffer = probe.buffer(data.byteLength);
    probe.device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    return buffer;
  });
  const result = probe.buffer(4 * product.m * product.n);
  const run = ({ kernel, workgroups }: Pick<Candidate, 'kernel' | 'workgroups'>) =>
    probe.submit((encoder) => probe.dispatch(encoder, kernel, workgroups));

  const candidates: Candidate[] = [];
  for (const variant of variantsOf(product)) {
    const kernel = await probe.kernel(variant.code, [...buffers, result]);
    run({ kernel, workgroups: [1] }); // an adapter may compile at the first dispatch
    candidates.push({ ...variant, kernel, ms: Infinity });
  }
  await gpuDone();
  await fastestFirst(candidates, run);
  const fastest = candidates[0]!;
  return {
    step: () => run(fastest),
    finish: gpuDone,
    output: () => probe.read(result),
    loss: unused,
    parameters: unused,
    dispose: () => probe.device.destroy(),
    notes: [
      `the first of these tiles per invocation by workgroups; GFLOP/s of one dispatch: ${candidates
        .map(({ name: variant, ms }) => `${variant} ${rounded(flop! / ms / 1e6)}`)
        .join(', ')}`,
    ],
  };
}

let probe: Probe | null = null;

const adapter: Adapter = {
  name: NAME,
  version: 'WGSL',
  async init() {
    const gpu = await navigator.gpu?.requestAdapter();
    if (!gpu) throw new Error('no WebGPU adapter');
    probe = new Probe(await gpu.requestDevice());
    return 'matrix products only';
  },
  build: (shared) => build(probe!, shared),
};
export default adapter;
