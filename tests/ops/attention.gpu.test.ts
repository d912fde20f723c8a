// What the fused kernels are for: long sequences in memory that grows with their length and not with its square.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  compile,
  f32,
  grad,
  mul,
  nn,
  print,
  scaledDotProductAttention,
  sum,
  webgpu,
  type WebGpuDevice,
} from '../../src/index.ts';
import { normal } from '../inputs.ts';

// a software adapter that shares its two cores takes seconds for a million scores
vi.setConfig({ testTimeout: 300_000 });

let device: WebGpuDevice;
beforeAll(async () => {
  device = await webgpu();
});
afterAll(() => device.destroy());

const [HEADS, WIDTH] = [2, 32];

/** Causal attention over t positions with its gradients. */
const attentionStep = (t: number) => {
  const heads = f32(1, HEADS, t, WIDTH);
  return compile(device, { q: heads, k: heads, v: heads, w: heads }, ({ q, k, v, w }) => {
    const y = scaledDotProductAttention(q, k, v, { causal: true });
    const [dq, dk, dv] = grad(sum(mul(y, w)), [q, k, v]);
    return { outputs: { y, dq: dq!, dk: dk!, dv: dv! } };
  });
};

/** One head in float64, by the formulas: P = softmax(Q Kᵀ / √d), dS = P ∘ (dY Vᵀ − Σ P ∘ dY Vᵀ). */
function causalHead(t: number, row: (name: 'q' | 'k' | 'v' | 'w', i: number) => Float64Array) {
  const zeros = () => Array.from({ length: t }, () => new Float64Array(WIDTH));
  const result = { y: zeros(), dq: zeros(), dk: zeros(), dv: zeros() };
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((total, x, c) => total + x * b[c]!, 0);
  const add = (to: Float64Array, by: number, x: Float64Array) =>
    x.forEach((value, c) => (to[c]! += by * value));
  const scale = 1 / Math.sqrt(WIDTH);
  const [k, v] = (['k', 'v'] as const).map((name) => Array.from({ length: t }, (_, j) => row(name, j))) as [
    Float64Array[],
    Float64Array[],
  ];
  for (let i = 0; i < t; i++) {
    const [q, dy] = [row('q', i), row('w', i)];
    const scores = k.slice(0, i + 1).map((key) => scale * dot(q, key));
    const largest = Math.max(...scores);
    const exponentials = scores.map((score) => Math.exp(score - largest));
    const total = exponentials.reduce((a, b) => a + b);
    const p = exponentials.map((x) => x / total);
    const dp = p.map((_, j) => dot(dy, v[j]!));
    const delta = p.reduce((sumSoFar, x, j) => sumSoFar + x * dp[j]!, 0);
    p.forEach((x, j) => {
      const ds = scale * x * (dp[j]! - delta);
      add(result.y[i]!, x, v[j]!);
      add(result.dv[j]!, x, dy);
      add(result.dq[i]!, ds, k[j]!);
      add(result.dk[j]!, ds, q);
    });
  }
  return result;
}

test('1,024 positions: finite, right, and the same bits each time', async () => {
  const t = 1024;
  const step = await attentionStep(t);
  const shape = [1, HEADS, t, WIDTH];
  const data = Object.fromEntries(
    (['q', 'k', 'v', 'w'] as const).map((name, i) => [name, normal(shape, i + 1).data() as Float32Array]),
  ) as Record<'q' | 'k' | 'v' | 'w', Float32Array>;
  const runs = [];
  for (let run = 0; run < 2; run++) {
    const values = await step(data);
    runs.push({
      y: await values.y.data(),
      dq: await values.dq.data(),
      dk: await values.dk.data(),
      dv: await values.dv.data(),
    });
  }
  expect(runs[1]).toEqual(runs[0]);
  const head = HEADS - 1;
  const start = (i: number) => (head * t + i) * WIDTH;
  const expected = causalHead(t, (name, i) => Float64Array.from(data[name].subarray(start(i), start(i + 1))));
  for (const name of ['y', 'dq', 'dk', 'dv'] as const) {
    const got = runs[0]![name];
    expect(
      got.every((value) => Number.isFinite(value)),
      name,
    ).toBe(true);
    const wanted = expected[name].flatMap((row) => [...row]);
    const largest = Math.max(...wanted.map(Math.abs));
    let worst = 0;
    wanted.forEach((value, i) => (worst = Math.max(worst, Math.abs(got[start(0) + i]! - value) / largest)));
    // up to 1,024 terms of either sign, summed in float32
    expect(worst, name).toBeLessThan(5e-6);
  }
  step.release();
});

test('twice the length takes twice the memory', async () => {
  const [short, long] = [await attentionStep(256), await attentionStep(512)];
  const bytes = [short, long].map((step) => Number(/slots of (\d+) bytes/.exec(print(step))![1]));
  expect(bytes[1]! / bytes[0]!).toBeLessThan(2.1);
  for (const step of [short, long]) step.release();
});

test('heads are read where the projections leave them, forward and backward, without a copy', async () => {
  const attention = new nn.MultiheadAttention(16, 2);
  const step = await compile(device, { x: f32(2, 8, 16) }, ({ x }) => {
    const y = attention.forward(x, { causal: true });
    const gradients = grad(sum(mul(y, y)), [x, ...attention.parameters()]);
    return { outputs: Object.fromEntries(gradients.map((gradient, i) => [i, gradient])) };
  });
  const plan = print(step);
  expect(plan).toContain('attentionKeyValueGrad');
  expect(plan, 'a kernel that only copies').not.toMatch(/^\d+: copy\(/m);
  // projection; attention; output projection; its three gradients; two of attention; one join; three of the projection
  expect(plan.match(/^\d+: /gm)!.length).toBeLessThanOrEqual(12);
  step.release();
});
