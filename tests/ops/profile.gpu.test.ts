// profile(): rows that add up, a trace that tools can load, and a training that notices nothing of it.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  add,
  ArgumentError,
  compile,
  cpu,
  DeviceError,
  DTypeError,
  f32,
  grad,
  matmul,
  mul,
  nn,
  normal,
  optim,
  print,
  profile,
  scan,
  sum,
  tanh,
  webgpu,
  type Tensor,
  type WebGpuDevice,
} from '../../src/index.ts';
import { batchFor, mlpStep, normals, parameter } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: WebGpuDevice;
beforeAll(async () => {
  device = await webgpu();
});
afterAll(() => device.destroy());

const smallMlp = () => mlpStep({ batch: 16, sizes: [20, 12, 10] });

test('gives one row per dispatch, in the order of print', async () => {
  const { signature, fn } = smallMlp();
  const step = await compile(device, signature, fn);
  const result = await profile(step, batchFor(signature), { repeats: 200 });
  const dispatches: [line: string, kernels: string][] = [];
  for (const [, line, beside, kernel] of print(step).matchAll(/^(\d+)( beside \d+)?: (.+?)\(/gm)) {
    if (beside) dispatches.at(-1)![1] += ` | ${kernel}`;
    else dispatches.push([line!, kernel!]);
  }
  expect(result.rows.map(({ line, kernel }) => [line, kernel])).toEqual(dispatches);
  expect(result.rows.length).toBe(step.stats!.dispatches);
  const total = (key: 'ms' | 'share' | 'flops' | 'bytes') =>
    result.rows.reduce((sum, row) => sum + row[key], 0);
  expect(total('ms')).toBeCloseTo(result.ms, 6);
  expect(total('share')).toBeCloseTo(1, 6);
  expect([total('flops'), total('bytes')]).toEqual([step.stats!.flops, step.stats!.bytesMoved]);
  for (const { ms, flops, bytes, gflops, gbs, roofline } of result.rows) {
    expect(ms).toBeGreaterThan(0);
    expect(gflops).toBeCloseTo(flops / ms / 1e6, 6);
    expect(gbs).toBeCloseTo(bytes / ms / 1e6, 6);
    expect(roofline).toBeCloseTo(Math.max(gflops / result.peak.gflops, gbs / result.peak.gbs), 6);
  }
  expect(result.peak.gflops).toBeGreaterThan(0.1);
  expect(result.peak.gbs).toBeGreaterThan(0.1);
  expect(result.adapter).toBe(device.name);
});

test('prints a table, slowest first', async () => {
  const { signature, fn } = smallMlp();
  const step = await compile(device, signature, fn);
  const result = await profile(step, batchFor(signature), { repeats: 1 });
  const [head, first, ...rest] = String(result).split('\n');
  expect(head).toMatch(/line +kernel +calls +ms +share +GFLOP\/s +GB\/s +% of roofline/);
  const slowest = result.rows.reduce((a, b) => (b.ms > a.ms ? b : a));
  expect(first!.trim().split(/\s+/)[0]).toBe(slowest.line);
  expect(rest.at(-1)).toContain(`measured on ${device.name}`);
});

test('repeats kernels until they have taken 10 ms, and measures peaks once per device', async () => {
  const step = await compile(device, { x: f32(64, 64) }, ({ x }) => ({ outputs: { y: matmul(x, x) } }));
  const x = normals(64 * 64) as Float32Array<ArrayBuffer>;
  const first = await profile(step, { x });
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  let dispatches = 0;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...args) {
    dispatches++;
    return dispatchWorkgroups.apply(this, args);
  };
  try {
    const second = await profile(step, { x });
    // all passes together: that of at least 10 ms, and shorter ones before
    expect(dispatches * second.rows[0]!.ms).toBeGreaterThan(9);
    expect(second.peak).toBe(first.peak);
  } finally {
    GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
  }
});

test.each(['mlp', 'clipped', 'random'] as const)('leaves no trace in a training (%s)', async (kind) => {
  async function train(profiled: boolean) {
    const model = new nn.Sequential(
      new nn.Linear(20, 12),
      new nn.Tanh(),
      ...(kind === 'random' ? [new nn.Dropout(0.5)] : []),
      new nn.Linear(12, 3),
    );
    const rates: number[] = [];
    const lr = (i: number) => (rates.push(i), 0.01 / (i + 1));
    const optimizer = new optim.Adam(model.parameters(), { lr });
    const step = await compile(device, { x: f32(16, 20) }, ({ x }) => {
      const noise = kind === 'random' ? normal([16, 3]) : 0;
      const loss = sum(mul(add(model.forward(x), noise), model.forward(x)));
      const grads = grad(loss, optimizer.params);
      const used = kind === 'clipped' ? optim.clipGradNorm(grads, 1).grads : grads;
      return { outputs: { loss }, updates: optimizer.update(used) };
    });
    const x = normals(320) as Float32Array<ArrayBuffer>;
    const losses: number[] = [];
    for (let i = 0; i < 4; i++) {
      if (profiled && i !== 1) await profile(step, { x }, { repeats: 3 });
      losses.push(await (await step({ x })).loss.item());
    }
    const state = await Promise.all([...optimizer.state().values()].map((p) => p.read(device)));
    return { losses, rates, state, steps: optimizer.steps };
  }
  expect(await train(true)).toEqual(await train(false));
});

test('counts the steps of a loop as calls of the kernels in it', async () => {
  const u = parameter('u', [8, 8], normals(64));
  const step = await compile(device, { x: f32(12, 4, 8), h: f32(4, 8) }, ({ x, h }) => {
    const { carry } = scan(
      (before: Tensor, xt): [Tensor, Tensor] => {
        const next = tanh(add(matmul(before, u), xt));
        return [next, next];
      },
      h,
      x,
    );
    return { outputs: { carry } };
  });
  const data = { x: normals(384), h: normals(32) } as Record<'x' | 'h', Float32Array<ArrayBuffer>>;
  const result = await profile(step, data, { repeats: 1 });
  const inLoop = result.rows.filter(({ line }) => line.includes('.'));
  expect(inLoop.length).toBeGreaterThan(0);
  for (const { calls } of inLoop) expect(calls).toBe(12);
  const { traceEvents } = JSON.parse(result.toChromeTrace()) as {
    traceEvents: { ph: string; ts: number; dur: number; name: string }[];
  };
  expect(traceEvents.length).toBe(step.stats!.dispatches);
  traceEvents.forEach(({ ph, ts }, i) => {
    expect(ph).toBe('X');
    const before = traceEvents[i - 1];
    expect(ts).toBeCloseTo(before ? before.ts + before.dur : 0, 6);
  });
  const last = traceEvents.at(-1)!;
  expect(last.ts + last.dur).toBeCloseTo(1000 * result.ms, 3);
});

test('frees what it made', async () => {
  const { signature, fn } = smallMlp();
  const step = await compile(device, signature, fn);
  const live = new Set<GPUBuffer>();
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    live.add(buffer);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    live.delete(this);
    return destroy.call(this);
  };
  try {
    await profile(step, batchFor(signature), { repeats: 1 });
  } finally {
    GPUDevice.prototype.createBuffer = createBuffer;
    GPUBuffer.prototype.destroy = destroy;
  }
  expect(live.size).toBe(0);
});

test('says what is missing: timestamps, a GPU, data that fits', async () => {
  const gpu = await (await navigator.gpu.requestAdapter())!.requestDevice();
  const borrowed = await webgpu({ device: gpu });
  const program = ({ x }: { readonly x: Tensor }) => ({ outputs: { y: tanh(x) } });
  const x = new Float32Array(4);
  const plain = await compile(borrowed, { x: f32(4) }, program);
  await expect(profile(plain, { x })).rejects.toThrow(DeviceError);
  await expect(profile(plain, { x })).rejects.toThrow('a device with the feature timestamp-query');
  borrowed.destroy();
  gpu.destroy();
  const reference = await compile(cpu(), { x: f32(4) }, program);
  await expect(profile(reference, { x })).rejects.toThrow('profile: expected a step compiled for webgpu()');
  expect(reference.stats).toBe(null);
  const step = await compile(device, { x: f32(4) }, program);
  await expect(profile(step, { x }, { repeats: 0 })).rejects.toThrow(ArgumentError);
  await expect(profile(step, { x: new Int32Array(4) as never })).rejects.toThrow(DTypeError);
});
