// Every composed shader text: its bindings as a parser sees them are those of its table, a real adapter compiles it
// without a message (setup-gpu.ts looks), and no kernel file is left over.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ResourceType, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import {
  abs,
  argmax,
  avgPool2d,
  bool,
  cast,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  embedding,
  erf,
  exp,
  f32,
  floor,
  gather,
  grad,
  hostScalar,
  i32,
  leakyRelu,
  logSoftmax,
  matmul,
  max,
  maxPool2d,
  mul,
  normal,
  pad,
  pow,
  randomBits,
  scaledDotProductAttention,
  slice,
  softmax,
  softplus,
  square,
  stack,
  sum,
  tanh,
  transpose,
  u32,
  uniform,
  upsample,
  webgpu,
  where,
  type Signature,
  type StepResult,
  type Tensor,
  type WebGpuDevice,
} from '../../src/index.ts';
import type { Program } from '../../src/graph/index.ts';
import type { InputTensors } from '../../src/compile.ts';
import type { Kernel, Plan } from '../../src/plan/index.ts';
import { compose, type Composed } from '../../src/webgpu/compose.ts';
import type { Adapter } from '../../src/webgpu/kernels/index.ts';
import { usualSpec } from '../../src/webgpu/kernels/usual.ts';
import { variantsOf } from '../../src/webgpu/kernels/variants.ts';
import { loadLibraries } from '../../src/webgpu/libraries.ts';
import { shareDispatches } from '../../src/webgpu/side-by-side.ts';
import { allKernels } from '../all-kernels.ts';
import { allCases, inputsOf, resultAndGradients, tensorsOf } from '../case-program.ts';
import { input } from '../../src/ops/index.ts';
import { cnnStep, mlpStep, planOf, trace } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ADAPTERS: readonly Adapter[] = [
  { software: true, subgroupSize: 4 },
  { software: true, subgroupSize: 0 },
  { software: false, subgroupSize: 4 },
  { software: false, subgroupSize: 0 },
];

interface Shader {
  readonly name: string;
  readonly code: string;
}
const files = import.meta.glob<Shader>(['../../shaders/**/*.wgsl', '!../../shaders/probes/*'], {
  import: 'default',
  eager: true,
});

type Chosen = Composed & { readonly chosenFor: Adapter[] };

/** The kernels of a program for each kind of adapter, each text once. */
function composeAll(program: Program, known = new Map<string, Chosen>()): Promise<Map<string, Chosen>> {
  return composePlan(planOf(program), known);
}

async function composePlan(plan: Plan, known: Map<string, Chosen>): Promise<Map<string, Chosen>> {
  const libraries = await loadLibraries([plan]);
  const add = (text: Composed) => {
    const chosen = known.get(text.code) ?? { ...text, chosenFor: [] };
    known.set(text.code, chosen);
    return chosen;
  };
  const scalars = plan.order.filter((node) => node.op.name === 'hostScalar');
  const scalarIndex = new Map(scalars.map((node, i) => [node, i]));
  for (const { body } of plan.loops.values()) await composePlan(body, known);
  for (const adapter of ADAPTERS) {
    const usualTexts = new Map<Kernel, Composed>();
    for (const kernel of plan.kernels) {
      if (plan.loops.has(kernel)) continue;
      const usual = usualSpec(kernel, plan, adapter, allKernels);
      for (const spec of [usual, ...Object.values(variantsOf(kernel, plan, adapter))]) {
        const text = compose(kernel, plan, scalarIndex, spec, libraries);
        const chosen = add(text);
        if (spec !== usual) continue;
        chosen.chosenFor.push(adapter);
        usualTexts.set(kernel, text);
      }
    }
    for (const { composed: shared } of shareDispatches(plan, usualTexts).values())
      add(shared).chosenFor.push(adapter);
  }
  return known;
}

/** What differs between the bindings that a text declares and its table. */
function tableFaults({ code, bindings }: Pick<Composed, 'code' | 'bindings'>): string[] {
  const reflected = new WgslReflect(code);
  const groups = reflected.getBindGroups();
  const faults = groups.length > 1 ? [`${groups.length} bind groups`] : [];
  const declared = groups[0] ?? [];
  for (let number = 0; number < Math.max(declared.length, bindings.length); number++) {
    const [variable, entry] = [declared[number], bindings[number]];
    const kind = variable && (variable.resourceType === ResourceType.Uniform ? 'uniform' : variable.access);
    if (kind !== entry?.kind)
      faults.push(`binding ${number} is ${kind} in the text and ${entry?.kind} in the table`);
    if (entry?.kind === 'uniform' && variable && Math.ceil(entry.words.length / 4) * 16 < variable.size)
      faults.push(
        `binding ${number} takes ${variable.size} bytes, and the table has ${entry.words.length} words`,
      );
  }
  const [main] = reflected.entry.compute;
  const used = new Set(main?.resources.map(({ binding }) => binding));
  for (let number = 0; number < bindings.length; number++)
    if (!used.has(number)) faults.push(`binding ${number} is not used`);
  return faults;
}

type Outputs = Readonly<Record<string, Tensor>>;
const programs = new Map<string, () => Promise<Program>>();
const add = <S extends Signature>(
  name: string,
  signature: S,
  fn: (inputs: InputTensors<S>) => StepResult<Outputs>,
) => programs.set(name, () => trace(signature, fn));

for (const batch of [128, 3]) {
  const { signature, fn } = mlpStep({ batch, sizes: batch === 3 ? [7, 5, 10] : [784, 256, 128, 10] });
  add(`MLP, batch ${batch}`, signature, fn);
}
for (const [size, channels] of [[28, [16, 32]] as const, [9, [3, 5]] as const, [12, [4, 6]] as const]) {
  const { signature, fn } = cnnStep({ batch: 8, size, channels });
  add(`CNN, channels ${channels.join(' and ')}`, signature, fn);
}
for (const dtype of ['f32', 'i32', 'u32'] as const) {
  for (const size of dtype === 'f32' ? [4, 5, 100, 101] : [5, 100]) {
    const spec = { f32, i32, u32 }[dtype](6, size, size);
    add(`reductions of ${dtype} [6, ${size}, ${size}]`, { x: spec }, ({ x }) => ({
      outputs: Object.fromEntries(
        [0, 1, 2].flatMap((axis) => [
          [`sum ${axis}`, sum(x, { axes: axis })],
          [`max ${axis}`, max(x, { axes: axis })],
          [`argmax ${axis}`, argmax(x, axis)],
          [`sum of twice ${axis}`, sum(mul(x, 2), { axes: axis })],
        ]),
      ),
    }));
  }
}
for (const [k, stride, padding] of [
  [2, 2, 0],
  [3, 2, 1],
  [2, 3, 0],
  [3, 1, 1],
] as const) {
  for (const channels of [4, 3]) {
    add(
      `pools ${k}, stride ${stride}, padding ${padding}, ${channels} channels`,
      { x: f32(2, channels, 9, 9) },
      ({ x }) => {
        const window = { stride, padding };
        const pooled = [
          maxPool2d(x, k, window),
          avgPool2d(x, k, window),
          avgPool2d(x, k, { ...window, countIncludePad: false }),
        ];
        const outputs = pooled.flatMap((y) => {
          const [first] = grad(sum(square(y)), [x]);
          return [y, first!, ...grad(sum(square(first!)), [x])];
        });
        return { outputs: Object.fromEntries(outputs.map((y, i) => [i, y])) };
      },
    );
  }
}
for (const channels of [4, 3]) {
  for (const mode of ['nearest', 'bilinear'] as const) {
    add(`${mode} upsampling, ${channels} channels`, { x: f32(2, channels, 5, 4) }, ({ x }) => {
      const y = upsample(x, { scale: [2, 3], mode });
      return { outputs: { y, ...gradients(y, [x]) } };
    });
  }
}
for (const [inC, outC, groups, stride, dilation] of [
  [4, 8, 1, 1, 1],
  [4, 8, 1, 2, 1],
  [3, 8, 1, 1, 2],
  [4, 6, 2, 1, 1],
  [5, 3, 1, 2, 2],
] as const) {
  add(
    `convolutions ${inC} to ${outC}, groups ${groups}, stride ${stride}, dilation ${dilation}`,
    { x: f32(2, inC, 9, 8), w: f32(outC, inC / groups, 3, 3), v: f32(inC, outC / groups, 3, 3) },
    ({ x, w, v }) => {
      const options = { stride, dilation, groups, padding: 1 };
      const [y, z] = [conv2d(x, w, null, options), convTranspose2d(x, v, null, options)];
      return { outputs: { y, z, ...gradients(y, [x, w]), ...gradients(z, [x, v], 'z') } };
    },
  );
}
add('a convolution of rows', { x: f32(2, 4, 9), w: f32(6, 4, 3) }, ({ x, w }) => ({
  outputs: gradients(conv1d(x, w), [x, w]),
}));
for (const [m, k, n] of [
  [64, 64, 64],
  [5, 7, 3],
  [8, 6, 100],
  [1, 1000, 4],
  [2048, 16, 12],
] as const) {
  for (const transposeA of [false, true]) {
    const transposeB = transposeA; // the gradients need the other two
    const signature = {
      a: f32(2, ...(transposeA ? [k, m] : [m, k])),
      b: f32(2, ...(transposeB ? [n, k] : [k, n])),
    };
    add(`products ${m} ${k} ${n} ${transposeA} ${transposeB}`, signature, ({ a, b }) => {
      const y = matmul(a, b, { transposeA, transposeB });
      const shared = matmul(a, slice(b, [[0, 1]]), { transposeA, transposeB });
      return { outputs: { y, shared, ...gradients(tanh(y), [a, b]) } };
    });
  }
}
add(
  'indices',
  { table: f32(10, 6), index: i32(7), at: u32(10, 3), x: f32(10, 6) },
  ({ table, index, at, x }) => {
    const [rows, picked] = [embedding(table, index), gather(x, at, 1)];
    return {
      outputs: {
        rows,
        picked,
        joined: concat([
          x,
          table,
          pad(slice(x, [[0, 4]]), [
            [1, 5],
            [0, 0],
          ]),
        ]),
        ...gradients(rows, [table]),
        ...gradients(picked, [x], 'picked'),
      },
    };
  },
);
add('functions', { x: f32(10, 7), y: f32(10, 7) }, ({ x, y }) => ({
  outputs: {
    e: erf(x),
    s: softplus(x),
    p: pow(abs(x), y),
    l: leakyRelu(floor(x)),
    w: where(cast(x, 'bool'), exp(y), y),
    c: cast(cast(x, 'i32'), 'u32'),
    soft: softmax(x),
    log: logSoftmax(transpose(x)),
    ...gradients(pow(abs(x), y), [x, y]),
    scalars: stack([hostScalar('a', () => 1), hostScalar('b', () => 2)]),
  },
}));
for (const [name, causal, masked] of [
  ['attention', false, false],
  ['causal and masked attention', true, true],
] as const) {
  const heads = f32(2, 2, 5, 8);
  add(name, { q: heads, k: heads, v: heads, keyValid: bool(2, 5) }, ({ q, k, v, keyValid }) => {
    const y = scaledDotProductAttention(q, k, v, { causal, ...(masked ? { keyValid } : {}) });
    return { outputs: { y, ...gradients(y, [q, k, v]) } };
  });
}
add('random draws', {}, () => ({
  outputs: {
    u: uniform([10, 3]),
    n: normal([8]),
    b: randomBits([5]),
    m: sum(normal([100, 64]), { axes: 1 }),
  },
}));

function gradients(y: Tensor, wrt: readonly Tensor[], prefix = 'y'): Outputs {
  return Object.fromEntries(grad(sum(square(y)), wrt).map((g, i) => [`${prefix} by ${i}`, g]));
}

let device: WebGpuDevice;
const composed = new Map<string, Chosen>();
beforeAll(async () => {
  device = await webgpu();
  for (const make of programs.values()) await composeAll(await make(), composed);
});
afterAll(() => device.destroy());

test('every text declares the bindings of its table', () => {
  expect(composed.size).toBeGreaterThan(100);
  const faults = [...composed.values()].flatMap((c) =>
    tableFaults(c).map((fault) => `${c.name}: ${fault}\n${c.code}`),
  );
  expect(faults).toEqual([]);
});

test('the text of every op case declares the bindings of its table', async () => {
  const checked = new Set<string>();
  for (const [op, opCase] of allCases) {
    if (opCase.throws !== undefined) continue;
    const { signature } = inputsOf(opCase);
    const program = await trace(signature, (inputs) =>
      resultAndGradients(opCase, tensorsOf(opCase, inputs), (shape) => input('weights', shape, 'f32')),
    );
    for (const c of (await composeAll(program)).values()) {
      if (checked.has(c.code)) continue;
      checked.add(c.code);
      expect(tableFaults(c), `${op}, ${c.name}\n${c.code}`).toEqual([]);
    }
  }
});

test('the adapter compiles every text, and makes pipelines of those chosen for other adapters', async () => {
  const { gpu, adapter } = device;
  const others: Composed[] = [];
  for (const { chosenFor, ...text } of composed.values()) {
    if (text.code.startsWith('enable subgroups') && !gpu.features.has('subgroups')) continue;
    gpu.createShaderModule({ code: text.code, label: text.name });
    // the other suites run what this adapter gets, tune.gpu.test.ts what is only chosen by measuring
    const isOwn = (a: Adapter) => a.software === adapter.software && a.subgroupSize === adapter.subgroupSize;
    if (chosenFor.length > 0 && !chosenFor.some(isOwn)) others.push(text);
  }
  expect(others.length).toBeGreaterThan(10);
  await Promise.all(others.map((text) => device.pipeline(text)));
});

test('every shader file is used by some program', () => {
  const codes = [...composed.keys()];
  const unused = Object.values(files).filter((file) => !codes.some((code) => code.includes(file.code)));
  expect(Object.keys(files).length).toBeGreaterThan(20);
  expect(unused.map(({ name }) => name)).toEqual([]);
});

describe('the checks can fail:', () => {
  const CODE = `
@group(0) @binding(0) var<uniform> sizes: vec4u;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < sizes.x) { y[id.x] = x[id.x]; }
}`;
  const node = input('x', [4], 'f32');
  const uniformBinding = { kind: 'uniform', words: [4, 0, 0, 0] } as const;
  const read = { kind: 'read', buffer: { node } } as const;
  const write = { kind: 'read_write', buffer: { node } } as const;

  test('a right table has no fault', () => {
    expect(tableFaults({ code: CODE, bindings: [uniformBinding, read, write] })).toEqual([]);
  });

  test('another kind, order or number of bindings is one', () => {
    for (const bindings of [
      [uniformBinding, write, write],
      [read, uniformBinding, write],
      [uniformBinding, read],
      [uniformBinding, read, write, read],
      [{ kind: 'uniform', words: [] } as const, read, write],
    ])
      expect(tableFaults({ code: CODE, bindings })).not.toEqual([]);
  });

  test('a binding that nothing uses is one', () => {
    const code = CODE.replace('x[id.x]', '1.0');
    expect(tableFaults({ code, bindings: [uniformBinding, read, write] })).toEqual(['binding 1 is not used']);
  });

  test.fails('a shader with a warning fails the test that compiles it', () => {
    device.gpu.createShaderModule({ code: CODE.replace('y[id.x] = x[id.x];', 'return; y[id.x] = x[id.x];') });
  });
});
