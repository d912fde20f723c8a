// Logits of up to ±1e4, where e^x and its inverse leave float32: values and gradients are the limits, and finite.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as C from '../../src/index.ts';
import { nn, type Device, type Tensor } from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { run, type Elements } from '../properties.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 60_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** WGSL's exp, log and tanh near 0; far away the limits are reached to the last bit. Relative to the larger of 1 and the value. */
const TOLERANCE = 2e-6;
/** WGSL lets the builtin tanh be this far off near ±1 (tests/op-cases.ts). */
const TOLERANCE_OF_TANH = 5e-4;

function expectClose(got: Elements, expected: readonly number[], what: string, tolerance = TOLERANCE): void {
  expect(got.data, what).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    const error = Math.abs(got.data[i]! - value) / Math.max(1, Math.abs(value));
    expect(error, `${what}, element ${i}: ${got.data[i]} instead of ${value}`).toBeLessThanOrEqual(tolerance);
  }
}

const allFinite = ({ data }: Elements) => data.every((value) => Number.isFinite(value));

// --- Functions of one number -----------------------------------------------------------------

const XS = [-1e4, -800, -100, -20, -1, 0, 1, 20, 100, 800, 1e4];
const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
/** The normal distribution function at XS, to 1e-10; 0 or 1 from ±20 on. */
const PHI_OF_1 = 0.8413447461;
const phi = (x: number) =>
  Math.abs(x) > 1 ? Number(x > 0) : { [-1]: 1 - PHI_OF_1, 0: 0.5, 1: PHI_OF_1 }[x]!;
const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const tanhGelu = (x: number) => Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));

/** [op, its value, its derivative] */
const FUNCTIONS: Readonly<
  Record<string, readonly [(x: Tensor) => Tensor, (x: number) => number, (x: number) => number]>
> = {
  sigmoid: [C.sigmoid, sigmoid, (x) => sigmoid(x) * sigmoid(-x)],
  softplus: [C.softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid],
  silu: [C.silu, (x) => x * sigmoid(x), (x) => sigmoid(x) * (1 + x * sigmoid(-x))],
  gelu: [(x) => C.gelu(x), (x) => x * phi(x), (x) => phi(x) + x * density(x)],
  'gelu (tanh)': [
    (x) => C.gelu(x, 'tanh'),
    (x) => (x / 2) * (1 + tanhGelu(x)),
    (x) =>
      (1 + tanhGelu(x)) / 2 +
      (x / 2) * (1 - tanhGelu(x) ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x),
  ],
  tanh: [C.tanh, Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  erf: [
    C.erf,
    (x) => (Math.abs(x) > 1 ? Math.sign(x) : Math.sign(x) * 0.8427007929),
    (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x),
  ],
  'log of sigmoid, as −softplus(−x)': [
    (x) => C.neg(C.softplus(C.neg(x))),
    (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
    (x) => sigmoid(-x),
  ],
};

test.each(Object.entries(FUNCTIONS))('%s', async (name, [op, value, slope]) => {
  const tolerance = name.includes('tanh') ? TOLERANCE_OF_TANH : TOLERANCE;
  const x = { shape: [XS.length], data: Float32Array.from(XS) };
  const { y, dx, ddx } = await run(device, [x], (t) => {
    const y = op(t!);
    const dx = C.grad(C.sum(y), [t!])[0]!;
    return { y, dx, ddx: C.grad(C.sum(dx), [t!])[0]! };
  });
  expectClose(y, XS.map(value), 'value', tolerance);
  expectClose(dx, XS.map(slope), 'gradient', tolerance);
  expect(allFinite(ddx), `second derivatives ${ddx.data.join(', ')}`).toBe(true);
});

// --- Functions of a row ----------------------------------------------------------------------

const ROWS = [
  [1e4, -1e4, 0, 5],
  [1e4, 1e4, -1e4, 1e4],
  [-1e4, -1e4, -1e4, -1e4],
  [9999, 1e4, 9998, -1e4],
  [-1e4, 0, 0, 0],
];
const LABELS = [1, 0, 3, 1, 0];
const [N, K] = [ROWS.length, ROWS[0]!.length];
const WEIGHTS = ROWS.map((row, i) => row.map((_, j) => Math.sin(i + 2 * j)));
const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const logSumExp = (row: readonly number[]) => {
  const largest = Math.max(...row);
  return largest + Math.log(total(row.map((x) => Math.exp(x - largest))));
};
const logProbabilities = ROWS.map((row) => row.map((x) => x - logSumExp(row)));
const P = logProbabilities.map((row) => row.map(Math.exp));
const logits = { shape: [N, K], data: Float32Array.from(ROWS.flat()) };
const weights = { shape: [N, K], data: Float32Array.from(WEIGHTS.flat()) };

/** Value and gradient of Σ weights · y for y [N, K], by rows. */
async function expectRows(
  op: (x: Tensor) => Tensor,
  expected: readonly (readonly number[])[],
  gradient: (p: readonly number[], w: readonly number[]) => number[],
): Promise<void> {
  const { y, dx, ddx } = await run(device, [logits, weights], (x, w) => {
    const y = op(x!);
    const dx = C.grad(C.sum(C.mul(y, w!)), [x!])[0]!;
    return { y, dx, ddx: C.grad(C.sum(C.mul(dx, w!)), [x!])[0]! };
  });
  expectClose(y, expected.flat(), 'value');
  expectClose(
    dx,
    P.flatMap((p, i) => gradient(p, WEIGHTS[i]!)),
    'gradient',
  );
  expect(allFinite(ddx), `second derivatives ${ddx.data.join(', ')}`).toBe(true);
}

describe('rows of logits', () => {
  const dot = (p: readonly number[], w: readonly number[]) => total(p.map((value, j) => value * w[j]!));

  test('softmax', () =>
    expectRows(
      (x) => C.softmax(x),
      P,
      (p, w) => p.map((value, j) => value * (w[j]! - dot(p, w))),
    ));
  test('softmax along the first axis', () =>
    expectRows(
      (x) => C.transpose(C.softmax(C.transpose(x), 0)),
      P,
      (p, w) => p.map((value, j) => value * (w[j]! - dot(p, w))),
    ));
  test('logSoftmax', () =>
    expectRows(
      (x) => C.logSoftmax(x),
      logProbabilities,
      (p, w) => p.map((value, j) => w[j]! - value * total(w)),
    ));
  test('logSumExp', () =>
    expectRows(
      (x) => C.broadcast(C.stack([C.logSumExp(x)], 1), x.shape),
      ROWS.map((row) => row.map(() => logSumExp(row))),
      (p, w) => p.map((value) => value * total(w)),
    ));
});

describe('losses of logits', () => {
  const labels = { shape: [N], data: Int32Array.from(LABELS), dtype: 'i32' } as const;
  const oneHot = LABELS.map((label) => ROWS[0]!.map((_, j) => Number(j === label)));
  /** Rows that sum to 1, zeros among them. */
  const TARGETS = [
    [0.5, 0.5, 0, 0],
    [0, 0, 1, 0],
    [0.25, 0.25, 0.25, 0.25],
    [1, 0, 0, 0],
    [0.5, 0, 0.5, 0],
  ];
  const targets = { shape: [N, K], data: Float32Array.from(TARGETS.flat()) };
  const crossEntropies = (t: readonly (readonly number[])[]) =>
    t.map((row, i) => -total(row.map((value, j) => (value === 0 ? 0 : value * logProbabilities[i]![j]!))));
  const differences = (t: readonly (readonly number[])[]) =>
    P.flatMap((row, i) => row.map((value, j) => (value - t[i]![j]!) / N));

  async function expectLoss(
    target: Elements,
    loss: (x: Tensor, t: Tensor) => Tensor,
    value: number,
    gradient: readonly number[],
  ) {
    const got = await run(device, [logits, target], (x, t) => {
      const y = loss(x!, t!);
      return { y, dx: C.grad(y, [x!])[0]! };
    });
    expectClose(got.y, [value], 'loss');
    expectClose(got.dx, gradient, 'gradient');
  }

  test('cross-entropy of class indices', () =>
    expectLoss(labels, nn.crossEntropy, total(crossEntropies(oneHot)) / N, differences(oneHot)));
  test('negative log-likelihood of logSoftmax', () =>
    expectLoss(
      labels,
      (x, t) => nn.nll(C.logSoftmax(x), t),
      total(crossEntropies(oneHot)) / N,
      differences(oneHot),
    ));
  test('cross-entropy of distributions', () =>
    expectLoss(targets, nn.crossEntropy, total(crossEntropies(TARGETS)) / N, differences(TARGETS)));
  test('binary cross-entropy', () =>
    expectLoss(
      targets,
      nn.bceWithLogits,
      total(
        ROWS.flatMap((row, i) =>
          row.map((x, j) => Math.max(x, 0) - x * TARGETS[i]![j]! + Math.log1p(Math.exp(-Math.abs(x)))),
        ),
      ) /
        (N * K),
      ROWS.flatMap((row, i) => row.map((x, j) => (sigmoid(x) - TARGETS[i]![j]!) / (N * K))),
    ));
});
