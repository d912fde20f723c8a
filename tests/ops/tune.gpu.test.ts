// tune(): every variant of a kernel computes the same, and what was measured can be kept, pinned and forgotten.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  ArgumentError,
  compile,
  concat,
  conv2d,
  cpu,
  DeviceError,
  f32,
  grad,
  matmul,
  reshape,
  scaledDotProductAttention,
  softmax,
  square,
  sum,
  tune,
  webgpu,
  type InputSpec,
  type Tensor,
  type WebGpuDevice,
} from '../../src/index.ts';
import { sizeOf, type Program } from '../../src/graph/index.ts';
import { tuningKey } from '../../src/webgpu/kernels/index.ts';
import { variantsOf } from '../../src/webgpu/kernels/variants.ts';
import { batchFor, mlpStep, normals, planOf, trace } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: WebGpuDevice;
beforeAll(async () => {
  device = await webgpu();
});
afterAll(() => device.destroy());

/** op(A) op(B) with m, k and n: small, prime, more than a tile, with and without whole vec4s. */
const PRODUCTS = [
  { m: 1, k: 1, n: 1, transposeA: false, transposeB: false },
  { m: 5, k: 7, n: 3, transposeA: true, transposeB: false },
  { m: 64, k: 16, n: 64, transposeA: false, transposeB: true },
  { m: 67, k: 33, n: 70, transposeA: false, transposeB: false },
  { m: 68, k: 34, n: 66, transposeA: true, transposeB: false },
  { m: 130, k: 20, n: 36, transposeA: false, transposeB: true },
];
const LENGTHS = [3, 40, 101];
const QUERIES = [1, 9, 37];

/** Channels in and out, and strides, of convolutions of odd images. */
const CONVOLUTIONS = [
  { channels: [1, 12], stride: 1 },
  { channels: [20, 36], stride: 2 },
  { channels: [64, 68], stride: 1 },
] as const;

type Inputs = Readonly<Record<string, Tensor>>;
interface Outputs {
  readonly signature: Record<string, InputSpec>;
  readonly outputs: Record<string, (inputs: Inputs) => Tensor>;
}

/** Ops whose kernels have variants, at several sizes. */
const OPS = {
  products({ signature, outputs }: Outputs) {
    for (const { m, k, n, ...transposed } of PRODUCTS) {
      const [a, b] = [`a of ${m} x ${k} x ${n}`, `b of ${m} x ${k} x ${n}`];
      signature[a] = f32(3, ...(transposed.transposeA ? [k, m] : [m, k]));
      signature[b] = f32(3, ...(transposed.transposeB ? [n, k] : [k, n]));
      outputs[`matmul ${m} x ${k} x ${n}`] = (inputs) => matmul(inputs[a]!, inputs[b]!, transposed);
    }
  },
  convolutions({ signature, outputs }: Outputs) {
    for (const { channels, stride } of CONVOLUTIONS) {
      const [from, to] = channels;
      const [x, w] = [`image of ${from}`, `weight of ${from}`];
      signature[x] = f32(3, from, 9, 7);
      signature[w] = f32(to, from, 3, 3);
      const y = (inputs: Inputs) => conv2d(inputs[x]!, inputs[w]!, null, { stride, padding: 1 });
      outputs[`convolution of ${from}`] = y;
      for (const of of [x, w])
        outputs[`gradient of ${of}`] = (inputs) => grad(sum(square(y(inputs))), [inputs[of]!])[0]!;
    }
  },
  rows({ signature, outputs }: Outputs) {
    for (const length of LENGTHS) {
      signature[`x ${length}`] = f32(9, length);
      outputs[`softmax over ${length}`] = (inputs) => softmax(inputs[`x ${length}`]!);
    }
  },
  attention({ signature, outputs }: Outputs) {
    for (const queries of QUERIES) {
      const names = ['q', 'k', 'v'].map((name) => `${name} of ${queries}`);
      names.forEach((name, i) => (signature[name] = f32(2, 3, i === 0 ? queries : 11, 8)));
      const qkv = (inputs: Inputs) => names.map((name) => inputs[name]!) as [Tensor, Tensor, Tensor];
      outputs[`attention of ${queries} queries`] = (inputs) => scaledDotProductAttention(...qkv(inputs));
      outputs[`gradients of attention of ${queries} queries, causal`] = (inputs) => {
        const y = scaledDotProductAttention(...qkv(inputs), { causal: true });
        return concat(grad(sum(square(y)), qkv(inputs)).map((gradient) => reshape(gradient, [-1])));
      };
    }
  },
};

/** Some of those in one step. */
function stepOf(ops: readonly (keyof typeof OPS)[]) {
  const all: Outputs = { signature: {}, outputs: {} };
  for (const op of ops) OPS[op](all);
  const fn = (inputs: Inputs) => ({
    outputs: Object.fromEntries(Object.entries(all.outputs).map(([name, make]) => [name, make(inputs)])),
  });
  const data = Object.fromEntries(
    Object.entries(all.signature).map(([name, { shape }], i) => [name, normals(sizeOf(shape), i)]),
  );
  return { signature: all.signature, fn, data };
}

/** The names of the variants of each kernel that has several. */
async function namesByKey(program: Promise<Program>): Promise<Map<string, string[]>> {
  const plan = planOf(await program);
  return new Map(
    plan.kernels
      .map((kernel) => [tuningKey(kernel), Object.keys(variantsOf(kernel, plan, device.adapter))] as const)
      .filter(([, names]) => names.length > 0),
  );
}

/** Which ops offer each variant; those with subgroups where there are some. */
const VARIANTS: Readonly<Record<string, readonly (keyof typeof OPS)[]>> = {
  '8x8': ['products', 'convolutions'],
  '4x4': ['products'],
  '4x4 narrow': ['products'],
  'workgroup memory': ['products'],
  '4 rows': ['attention'],
  '1 row': ['attention'],
};
const WITH_SUBGROUPS: typeof VARIANTS = {
  '8x8 quad': ['products', 'convolutions'],
  'one invocation': ['rows'],
  'one subgroup': ['rows'],
  '4 rows, quads': ['attention'],
  '1 row, quads': ['attention'],
};

test('these are the variants that kernels have', async () => {
  const { signature, fn } = stepOf(['products', 'convolutions', 'rows', 'attention']);
  const names = [...(await namesByKey(trace(signature, fn))).values()].flat();
  const expected = { ...VARIANTS, ...(device.adapter.subgroupSize > 0 && WITH_SUBGROUPS) };
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(expected).toSorted());
});

test.each(Object.entries({ ...VARIANTS, ...WITH_SUBGROUPS }))(
  'the variant %s computes what the reference does, at all sizes',
  async (variant, ops) => {
    const { signature, fn, data } = stepOf(ops);
    const offering = [...(await namesByKey(trace(signature, fn)))].filter(([, names]) =>
      names.includes(variant),
    );
    if (device.adapter.subgroupSize > 0) expect(offering.length).toBeGreaterThanOrEqual(3);
    const pinned = await webgpu({ tuning: Object.fromEntries(offering.map(([key]) => [key, variant])) });
    const step = await compile(pinned, signature, fn, { check: 'cpu' });
    await expect(step(data as never)).resolves.toBeDefined();
    pinned.destroy();
  },
);

const cache = `chainrule-test-${Math.random()}`;

describe('tune', () => {
  const { signature, fn, model } = mlpStep({ batch: 16, sizes: [20, 10] });
  const batch = batchFor(signature);
  const weights = async (of = model, on = device) => Promise.all(of.parameters().map((p) => p.read(on)));
  const dispatchesDuring = async (work: () => Promise<unknown>) => {
    const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
    let dispatches = 0;
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...counts) {
      dispatches++;
      return dispatchWorkgroups.apply(this, counts);
    };
    try {
      await work();
    } finally {
      GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
    }
    return dispatches;
  };

  test('measures every kernel with variants once, trains nothing, and the step goes on as before', async () => {
    const step = await compile(device, signature, fn);
    const before = await (await step(batch)).loss.item();
    const trained = await weights();
    const { bytes, dispatches } = step.stats!;
    const table = await tune(step, { cache, budgetMs: Infinity });
    expect(await weights()).toEqual(trained);
    expect(step.stats).toMatchObject({ bytes, dispatches });
    const offered = await namesByKey(trace(signature, fn));
    expect(Object.keys(table).toSorted()).toEqual([...offered.keys()].toSorted());
    for (const [key, variant] of Object.entries(table)) expect(offered.get(key)).toContain(variant);
    expect(await (await step(batch)).loss.item()).toBeLessThan(before);

    // what this device, or another one of the same kind, has measured is not measured again
    const other = await webgpu();
    const again = await compile(other, signature, fn);
    for (const each of [step, again]) {
      const count = await dispatchesDuring(async () => expect(await tune(each, { cache })).toEqual(table));
      expect(count).toBe(0);
    }
    other.destroy();
  });

  test('a device with the table computes the same bits', async () => {
    const trainedWith = async (
      prepare: (step: Awaited<ReturnType<typeof compile>>) => Promise<unknown>,
      tuning = {},
    ) => {
      const fresh = mlpStep({ batch: 16, sizes: [20, 10] });
      const own = await webgpu({ tuning });
      const step = await compile(own, fresh.signature, fresh.fn);
      const result = await prepare(step as never);
      for (let i = 0; i < 3; i++) await step(batch);
      const state = await weights(fresh.model, own);
      own.destroy();
      return { result, state };
    };
    const measured = await trainedWith((step) => tune(step as never, { cache: false }));
    const pinned = await trainedWith(() => Promise.resolve(null), measured.result as never);
    expect(pinned.state).toEqual(measured.state);
  });

  test('stops at its budget, and without timestamps measures by the clock on the wall', async () => {
    const plain = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const given = await webgpu({ device: plain });
    const step = await compile(given, signature, fn);
    expect(await tune(step, { budgetMs: 0, cache: false })).toEqual({});
    expect(Object.keys(await tune(step, { cache: false })).length).toBeGreaterThan(0);
    given.destroy();
    plain.destroy();
  });

  test('refuses what it cannot do', async () => {
    const step = await compile(device, signature, fn);
    await expect(tune(step, { budgetMs: -1 })).rejects.toThrow(ArgumentError);
    const onCpu = await compile(cpu(), signature, fn);
    await expect(tune(onCpu)).rejects.toThrow(DeviceError);
    const product = {
      signature: { x: f32(5, 5) },
      fn: ({ x }: { x: Tensor }) => ({ outputs: { y: matmul(x, x) } }),
    };
    const [key] = [...(await namesByKey(trace(product.signature, product.fn))).keys()];
    const mistaken = await webgpu({ tuning: { [key!]: '9x9' } });
    await expect(compile(mistaken, product.signature, product.fn)).rejects.toThrow(
      `webgpu: expected tuning of ${key} to be one of 8x8, 4x4, 4x4 narrow, `,
    );
    mistaken.destroy();
  });
});
