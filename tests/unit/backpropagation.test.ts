// The notes' two forms of back-propagation, 2.4 (vectors) and 3 (scalars), written out with plain numbers and nothing of
// the library, against `grad`: every z, h, delta and gradient of a network of three layers.
import { describe, expect, test } from 'vitest';
import {
  compile,
  cpu,
  f32,
  grad,
  HostRandom,
  mul,
  nn,
  optim,
  Parameter,
  type Tensor,
} from '../../src/index.ts';

/** Weights w[j][i] from neuron i of the layer below to neuron j, and biases b[j] (3.1). */
interface Layer {
  readonly w: readonly (readonly number[])[];
  readonly b: readonly number[];
}

/** What one sample gives, by layer: index 0 is the input, so that l counts as in the notes. */
interface Pass {
  readonly z: number[][];
  readonly h: number[][];
  readonly delta: number[][];
  readonly dw: number[][][];
  readonly db: number[][];
}

interface Activation {
  readonly module: () => nn.Module;
  /** σ(z) */
  readonly sigma: (z: number) => number;
  /** σ′(z) */
  readonly slope: (z: number) => number;
}

/** The output layer: σ of all its neurons at once, and δ⁽ᴸ⁾ (step 2 of 3.5), which depends on the loss. */
interface Output {
  readonly module: () => nn.Module;
  readonly h: (z: readonly number[]) => number[];
  readonly delta: (h: readonly number[], t: readonly number[], z: readonly number[]) => number[];
  readonly loss: (output: { z: Tensor; h: Tensor }, target: Tensor) => Tensor;
}

type Backpropagation = (
  layers: readonly Layer[],
  hidden: Activation,
  output: Output,
  x: readonly number[],
  t: readonly number[],
) => Pass;

// --- Section 3: loops over neurons ---------------------------------------------------------------

const scalar: Backpropagation = (layers, { sigma, slope }, output, x, t) => {
  const L = layers.length;
  const w = (l: number, j: number, i: number) => layers[l - 1]!.w[j]![i]!;
  const n = [x.length, ...layers.map(({ b }) => b.length)];
  const empty = () => n.map((): number[] => []);
  const [z, h, delta, db] = [empty(), empty(), empty(), empty()];
  const dw = n.map((): number[][] => []);

  // 3.5, step 1: all z and h
  h[0] = [...x];
  for (let l = 1; l <= L; l++) {
    for (let j = 0; j < n[l]!; j++) {
      z[l]![j] = layers[l - 1]!.b[j]!;
      for (let i = 0; i < n[l - 1]!; i++) z[l]![j]! += w(l, j, i) * h[l - 1]![i]!;
      if (l < L) h[l]![j] = sigma(z[l]![j]!);
    }
  }
  h[L] = output.h(z[L]!);
  // step 2: the error of the output
  delta[L] = output.delta(h[L], t, z[L]!);
  // step 3, which is 3.3: over every neuron k that neuron j feeds
  for (let l = L - 1; l >= 1; l--) {
    for (let j = 0; j < n[l]!; j++) {
      let dh = 0;
      for (let k = 0; k < n[l + 1]!; k++) dh += delta[l + 1]![k]! * w(l + 1, k, j);
      delta[l]![j] = dh * slope(z[l]![j]!);
    }
  }
  // 3.4
  for (let l = 1; l <= L; l++) {
    for (let j = 0; j < n[l]!; j++) {
      dw[l]![j] = [];
      for (let i = 0; i < n[l - 1]!; i++) dw[l]![j]![i] = delta[l]![j]! * h[l - 1]![i]!;
      db[l]![j] = delta[l]![j]!;
    }
  }
  return { z, h, delta, dw, db };
};

// --- Section 2.4: vectors and matrices -----------------------------------------------------------

type Vector = readonly number[];
type Matrix = readonly Vector[];
const plus = (a: Vector, b: Vector) => a.map((value, i) => value + b[i]!);
const hadamard = (a: Vector, b: Vector) => a.map((value, i) => value * b[i]!);
const dot = (a: Vector, b: Vector) => hadamard(a, b).reduce((total, value) => total + value, 0);
const times = (W: Matrix, v: Vector) => W.map((row) => dot(row, v));
const transposed = (W: Matrix) => W[0]!.map((_, i) => W.map((row) => row[i]!));
const outer = (a: Vector, b: Vector) => a.map((value) => b.map((other) => value * other));

const vector: Backpropagation = (layers, { sigma, slope }, output, x, t) => {
  const L = layers.length;
  const W = layers.map((layer) => layer.w);
  const z: number[][] = [[]];
  const h = [[...x]];
  for (const [i, { w, b }] of layers.entries()) {
    z.push(plus(times(w, h[i]!), b));
    h.push(i + 1 === L ? output.h(z[i + 1]!) : z[i + 1]!.map(sigma));
  }
  // δ⁽ˡ⁾ = (W⁽ˡ⁺¹⁾ᵀ δ⁽ˡ⁺¹⁾) ⊙ σ′(z⁽ˡ⁾); W[l] is W⁽ˡ⁺¹⁾, since the array counts from 0
  const delta: number[][] = [];
  delta[L] = output.delta(h[L]!, t, z[L]!);
  for (let l = L - 1; l >= 1; l--)
    delta[l] = hadamard(times(transposed(W[l]!), delta[l + 1]!), z[l]!.map(slope));
  delta[0] = [];
  // ∂L/∂W⁽ˡ⁾ = δ⁽ˡ⁾ h⁽ˡ⁻¹⁾ᵀ, ∂L/∂b⁽ˡ⁾ = δ⁽ˡ⁾
  const dw = delta.map((d, l) => (l === 0 ? [] : outer(d, h[l - 1]!)));
  return { z, h, delta, dw, db: delta };
};

// --- Activations and outputs ---------------------------------------------------------------------

const logistic = (z: number) => 1 / (1 + Math.exp(-z));
const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
/** The standard normal distribution function by its Taylor series at 0 (Abramowitz and Stegun 26.2.10), for |z| < 4. */
function normalCdf(z: number): number {
  let total = 0;
  for (let n = 0, term = z; n < 60; n++, term *= (-z * z) / (2 * n)) total += term / (2 * n + 1);
  return 0.5 + total / Math.sqrt(2 * Math.PI);
}
const TANH_GELU = Math.sqrt(2 / Math.PI);

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  sigmoid: {
    module: () => new nn.Sigmoid(),
    sigma: logistic,
    slope: (z) => logistic(z) * (1 - logistic(z)),
  },
  atan: { module: () => new nn.Atan(), sigma: Math.atan, slope: (z) => 1 / (1 + z * z) },
  tanh: { module: () => new nn.Tanh(), sigma: Math.tanh, slope: (z) => 1 / Math.cosh(z) ** 2 },
  relu: { module: () => new nn.ReLU(), sigma: (z) => Math.max(z, 0), slope: (z) => (z > 0 ? 1 : 0) },
  'leaky relu': {
    module: () => new nn.LeakyReLU(0.1),
    sigma: (z) => Math.max(0.1 * z, z),
    slope: (z) => (z > 0 ? 1 : 0.1),
  },
  linear: { module: () => new nn.Identity(), sigma: (z) => z, slope: () => 1 },
  silu: {
    module: () => new nn.SiLU(),
    sigma: (z) => z * logistic(z),
    slope: (z) => logistic(z) + z * logistic(z) * logistic(-z),
  },
  softplus: { module: () => new nn.Softplus(), sigma: (z) => Math.log(1 + Math.exp(z)), slope: logistic },
  gelu: {
    module: () => new nn.GELU(),
    sigma: (z) => z * normalCdf(z),
    slope: (z) => normalCdf(z) + z * density(z),
  },
  'gelu (tanh)': {
    module: () => new nn.GELU('tanh'),
    sigma: (z) => (z / 2) * (1 + Math.tanh(TANH_GELU * (z + 0.044715 * z ** 3))),
    slope(z) {
      const inner = TANH_GELU * (z + 0.044715 * z ** 3);
      return (
        (1 + Math.tanh(inner)) / 2 +
        ((z / 2) * TANH_GELU * (1 + 3 * 0.044715 * z * z)) / Math.cosh(inner) ** 2
      );
    },
  },
};

/** Half the squared error after any activation: δ_j = (h_j − t_j) σ′(z_j). */
const squaredError = ({ module, sigma, slope }: Activation): Output => ({
  module,
  h: (z) => z.map(sigma),
  delta: (h, t, z) => h.map((value, j) => (value - t[j]!) * slope(z[j]!)),
  loss: ({ h }, target) => mul(nn.mse(h, target, { reduction: 'sum' }), 0.5),
});

const OUTPUTS: Readonly<Record<string, Output>> = {
  // δ_j = h_j − t_j, since Σ_j t_j = 1
  'softmax and cross-entropy': {
    module: () => new nn.Softmax(),
    h(z) {
      const e = z.map(Math.exp);
      return e.map((value) => value / e.reduce((a, b) => a + b));
    },
    delta: (h, t) => h.map((value, j) => value - t[j]!),
    loss: ({ z }, target) => nn.crossEntropy(z, target, { reduction: 'sum' }),
  },
  'sigmoid and binary cross-entropy': {
    module: () => new nn.Sigmoid(),
    h: (z) => z.map(logistic),
    delta: (h, t) => h.map((value, j) => value - t[j]!),
    loss: ({ z }, target) => nn.bceWithLogits(z, target, { reduction: 'sum' }),
  },
};

// --- The same network in the library -------------------------------------------------------------

const SIZES = [4, 6, 5, 3];
const SAMPLES = 3;
const RATE = 0.25;

const random = new HostRandom(3, 'three layers');
const draw = (n: number) => Array.from({ length: n }, () => Math.fround(0.6 * random.normal()));
const layers: readonly Layer[] = SIZES.slice(1).map((out, l) => ({
  w: Array.from({ length: out }, () => draw(SIZES[l]!)),
  b: draw(out),
}));
const xs = Array.from({ length: SAMPLES }, () => draw(SIZES[0]!));
/** Distributions over the outputs: targets that suit every loss. Halves and quarters are exact in float32. */
const ts = [
  [1, 0, 0],
  [0.25, 0.25, 0.5],
  [0, 0.5, 0.5],
];

/** z, h, δ, gradients of the sum over the samples, and weights after a step of gradient descent, by `grad`. */
async function byGrad(hidden: Activation, output: Output): Promise<Map<string, number[]>> {
  const linears = layers.map(({ w, b }, l) => {
    const linear = new nn.Linear(SIZES[l]!, SIZES[l + 1]!);
    return Object.assign(linear, {
      weight: new Parameter([b.length, SIZES[l]!], nn.init.values(w.flat())),
      bias: new Parameter([b.length], nn.init.values(b)),
    });
  });
  const params = linears.flatMap(({ weight, bias }) => [weight, bias]);
  const optimizer = new optim.SGD(params, { lr: RATE });
  const device = cpu({ storage: 'f64' });
  const signature = { x: f32(SAMPLES, SIZES[0]!), t: f32(SAMPLES, SIZES.at(-1)!) };
  const step = await compile(device, signature, ({ x, t }) => {
    const z: Tensor[] = [];
    const h: Tensor[] = [x];
    for (const [l, linear] of linears.entries()) {
      z.push(linear.forward(h[l]!));
      h.push((l === linears.length - 1 ? output : hidden).module().forward(z[l]!));
    }
    const loss = output.loss({ z: z.at(-1)!, h: h.at(-1)! }, t);
    const [deltas, gradients] = [grad(loss, z), grad(loss, params)];
    const outputs: Record<string, Tensor> = {};
    for (let l = 1; l <= linears.length; l++) {
      outputs[`z${l}`] = z[l - 1]!;
      outputs[`h${l}`] = h[l]!;
      outputs[`delta${l}`] = deltas[l - 1]!;
      outputs[`dw${l}`] = gradients[2 * l - 2]!;
      outputs[`db${l}`] = gradients[2 * l - 1]!;
    }
    return { outputs, updates: optimizer.update(gradients) };
  });
  const results = await step({ x: Float32Array.from(xs.flat()), t: Float32Array.from(ts.flat()) });
  const found = new Map<string, number[]>();
  for (const [name, value] of Object.entries(results)) found.set(name, [...(await value.data())]);
  for (const [i, { weight }] of linears.entries())
    found.set(`w${i + 1} after a step`, [...(await weight.read(device))]);
  return found;
}

/** The same by one of the notes' forms: each sample alone, and gradients added up. */
function byHand(form: Backpropagation, hidden: Activation, output: Output): Map<string, number[]> {
  const passes = xs.map((x, i) => form(layers, hidden, output, x, ts[i]!));
  const found = new Map<string, number[]>();
  const sum = (vectors: readonly Vector[]) => vectors.reduce(plus) as number[];
  for (const [i, { w }] of layers.entries()) {
    const l = i + 1;
    for (const what of ['z', 'h', 'delta'] as const)
      found.set(
        what + l,
        passes.flatMap((pass) => pass[what][l]!),
      );
    const dw = sum(passes.map((pass) => pass.dw[l]!.flat()));
    found.set(`dw${l}`, dw);
    found.set(`db${l}`, sum(passes.map((pass) => pass.db[l]!)));
    // step 4 of 3.5
    found.set(
      `w${l} after a step`,
      w.flat().map((value, at) => value - RATE * dw[at]!),
    );
  }
  return found;
}

/** Both sides compute in float64; what is read from the device is rounded to float32 once. */
const ROUNDING = 2 ** -24;
/** Of the largest element, for the order of the float64 sums. */
const SUMS = 1e-14;

function expectSame(got: Map<string, number[]>, expected: Map<string, number[]>): void {
  expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, values] of expected) {
    const largest = Math.max(...values.map(Math.abs));
    expect(largest, `${name} has something to compare`).toBeGreaterThan(0);
    for (const [i, value] of values.entries())
      expect(Math.abs(got.get(name)![i]! - value), `${name}, element ${i}`).toBeLessThanOrEqual(
        ROUNDING * Math.abs(value) + SUMS * largest,
      );
  }
}

const forms = [
  ['scalar back-propagation (notes 3)', scalar],
  ['vector back-propagation (notes 2.4)', vector],
] as const;

describe.each(forms)('grad equals %s', (_, form) => {
  test.each(Object.entries(ACTIVATIONS))('with %s in every layer', async (__, activation) => {
    const output = squaredError(activation);
    expectSame(await byGrad(activation, output), byHand(form, activation, output));
  });

  test.each(Object.entries(OUTPUTS))('with tanh below %s', async (__, output) => {
    const hidden = ACTIVATIONS['tanh']!;
    expectSame(await byGrad(hidden, output), byHand(form, hidden, output));
  });
});
