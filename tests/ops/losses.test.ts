// Losses that tests/golden has no numbers for, against their formulas written out over plain numbers in float64.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  add,
  bool,
  compile,
  distributions,
  f32,
  fill,
  grad,
  HostRandom,
  i32,
  mul,
  neg,
  nn,
  reshape,
  softmax,
  sum,
  type Device,
  type Signature,
  type StepResult,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import type { InputData, InputTensors } from '../../src/compile.ts';
import { openDevice } from '../device.ts';

vi.setConfig({ testTimeout: 120_000 }); // a software adapter compiles shaders for seconds

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

// As in tests/golden: float32 against float64 on cpu(); on a GPU also the error that WGSL allows exp and log.
const [RTOL, ATOL] = __BACKEND__ === 'cpu' ? [2e-5, 3e-6] : [2e-4, 3e-5];

/** The outputs of one step. */
async function run<S extends Signature>(
  signature: S,
  data: InputData<S>,
  fn: (inputs: InputTensors<S>) => Readonly<Record<string, Tensor>>,
): Promise<Record<string, number[]>> {
  const step = await compile(
    device,
    signature,
    (inputs): StepResult<Record<string, Tensor>> => ({
      outputs: fn(inputs),
    }),
  );
  const values = Object.entries(await step(data));
  const arrays = await Promise.all(values.map(([, value]) => value.data()));
  step.release();
  return Object.fromEntries(values.map(([name], i) => [name, Array.from(arrays[i] as TypedArray)]));
}

function expectClose(got: readonly number[] | undefined, expected: readonly number[], name = ''): void {
  expect(got, name).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    const error = Math.abs(got![i]! - value);
    expect(error, `${name} ${i}: got ${got![i]}, expected ${value}`).toBeLessThanOrEqual(
      ATOL + RTOL * Math.abs(value),
    );
  });
}

const normals = (length: number, stream: string, scale = 1) => {
  const random = new HostRandom(5, stream);
  return Float32Array.from({ length }, () => scale * random.normal());
};
const rowsOf = (data: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: data.length / width }, (_, i) => Array.from(data).slice(i * width, (i + 1) * width));
const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const zeros = (length: number) => new Array<number>(length).fill(0);
const average = (values: readonly number[]) => total(values) / values.length;

function logSoftmaxOf(row: readonly number[]): number[] {
  const most = Math.max(...row);
  const rest = Math.log(total(row.map((x) => Math.exp(x - most))));
  return row.map((x) => x - most - rest);
}

/** Central differences of a function of numbers. */
function differences(f: (x: readonly number[]) => number, x: readonly number[]): number[] {
  const h = 1e-5;
  const moved = (i: number, by: number) => x.map((value, j) => (j === i ? value + by : value));
  return x.map((_, i) => (f(moved(i, h)) - f(moved(i, -h))) / (2 * h));
}

const REDUCTIONS = ['none', 'sum', 'mean', 'batchmean'] as const satisfies readonly nn.Reduction[];

/** Compare the outputs `<name> <reduction>` with those of the losses [n] of a batch. */
function expectReductions(
  out: Readonly<Record<string, readonly number[]>>,
  name: string,
  losses: readonly number[],
): void {
  let sum = 0;
  for (const loss of losses) sum += loss;
  expect(Math.abs(sum), name).toBeGreaterThan(0.1);
  expectClose(out[`${name} none`], losses, `${name} none`);
  expectClose(out[`${name} sum`], [sum], `${name} sum`);
  expectClose(out[`${name} mean`], [sum / losses.length], `${name} mean`);
  expectClose(out[`${name} batchmean`], [sum / losses.length], `${name} batchmean`);
}

describe('crossEntropy with label smoothing', () => {
  const [classes, epsilon] = [5, 0.2];
  const logits = normals(4 * classes, 'logits', 2);
  const target = [3, 0, 4, 1];

  /** −Σ_c ((1 − ε) t_c + ε / C) log softmax(x)_c of each position. */
  const smoothed = (x: readonly number[], t: readonly (readonly number[])[]) =>
    rowsOf(x, classes).map((row, i) => {
      const logp = logSoftmaxOf(row);
      return -total(logp.map((l, c) => ((1 - epsilon) * t[i]![c]! + epsilon / classes) * l));
    });
  const oneHot = target.map((k) => Array.from({ length: classes }, (_, c) => Number(c === k)));

  test('spreads ε over the classes, for indices and for distributions', async () => {
    const weights = rowsOf(normals(4 * classes, 'target'), classes).map((row) =>
      logSoftmaxOf(row).map(Math.exp),
    );
    const out = await run(
      { x: f32(4, classes), k: i32(4), t: f32(4, classes) },
      { x: logits, k: Int32Array.from(target), t: Float32Array.from(weights.flat()) },
      ({ x, k, t }) => {
        const loss = nn.crossEntropy(x, k, { labelSmoothing: epsilon });
        return {
          loss,
          gradient: grad(loss, [x])[0]!,
          none: nn.crossEntropy(x, k, { labelSmoothing: epsilon, reduction: 'none' }),
          distribution: nn.crossEntropy(x, t, { labelSmoothing: epsilon, reduction: 'none' }),
          ignoring: nn.crossEntropy(x, k, { labelSmoothing: epsilon, ignoreIndex: 4 }),
          uniform: nn.crossEntropy(x, k, { labelSmoothing: 1, reduction: 'none' }),
        };
      },
    );
    const x = [...logits];
    const expected = smoothed(x, oneHot);
    expectClose(out['loss'], [average(expected)], 'mean');
    expectClose(out['none'], expected, 'none');
    expectClose(
      out['gradient'],
      differences((y) => average(smoothed(y, oneHot)), x),
      'gradient',
    );
    expectClose(out['distribution'], smoothed(x, weights), 'distribution');
    expectClose(out['ignoring'], [average(expected.filter((_, i) => target[i] !== 4))], 'ignoring');
    expectClose(
      out['uniform'],
      rowsOf(x, classes).map((row) => -average(logSoftmaxOf(row))),
      'ε = 1',
    );
  });
});

describe('positions that do not count', () => {
  test('nll and crossEntropy reduce over the others', async () => {
    const logits = normals(12, 'logits');
    const target = [2, -100, 0, -100];
    const out = await run(
      { x: f32(4, 3), k: i32(4) },
      { x: logits, k: Int32Array.from(target) },
      ({ x, k }) => {
        const options = { ignoreIndex: -100 };
        const mean = nn.crossEntropy(x, k, options);
        return {
          mean,
          gradient: grad(mean, [x])[0]!,
          nll: nn.nll(x, k, options),
          sum: nn.crossEntropy(x, k, { ...options, reduction: 'sum' }),
          batchmean: nn.crossEntropy(x, k, { ...options, reduction: 'batchmean' }),
          none: nn.crossEntropy(x, k, { ...options, reduction: 'none' }),
        };
      },
    );
    const losses = (x: readonly number[]) =>
      rowsOf(x, 3).map((row, i) => (target[i]! < 0 ? 0 : -logSoftmaxOf(row)[target[i]!]!));
    const x = [...logits];
    expectClose(out['none'], losses(x), 'none');
    expectClose(out['sum'], [total(losses(x))], 'sum');
    expectClose(out['mean'], [total(losses(x)) / 2], 'mean');
    expectClose(out['batchmean'], [total(losses(x)) / 4], 'batchmean');
    expectClose(out['nll'], [-(x[2]! + x[6]!) / 2], 'nll');
    expectClose(
      out['gradient'],
      differences((y) => total(losses(y)) / 2, x),
      'gradient',
    );
  });

  test('when all are ignored the mean is 0, with zero gradients', async () => {
    const out = await run(
      { x: f32(2, 3), k: i32(2) },
      { x: Float32Array.of(1e4, -1e4, 0, 1, 2, 3), k: Int32Array.of(7, 7) },
      ({ x, k }) => {
        const loss = nn.crossEntropy(x, k, { ignoreIndex: 7 });
        return { loss, gradient: grad(loss, [x])[0]!, nll: nn.nll(x, k, { ignoreIndex: 7 }) };
      },
    );
    expect([out['loss'], out['nll']]).toEqual([[0], [0]]);
    expect(out['gradient']!.map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('extreme logits', () => {
  test('of ±1e4 give finite and right cross-entropies and gradients', async () => {
    const x = [1e4, -1e4, 0, -1e4, -1e4, -1e4];
    const out = await run(
      { x: f32(2, 3), k: i32(2), t: f32(2, 3) },
      {
        x: Float32Array.from(x),
        k: Int32Array.of(1, 2),
        t: Float32Array.of(0.5, 0.25, 0.25, 1, 0, 0),
      },
      ({ x, k, t }) => {
        const index = nn.crossEntropy(x, k, { reduction: 'none' });
        return {
          index,
          gradient: grad(sum(index), [x])[0]!,
          distribution: nn.crossEntropy(x, t, { reduction: 'none' }),
          smooth: nn.crossEntropy(x, k, { reduction: 'none', labelSmoothing: 0.3 }),
        };
      },
    );
    expectClose(out['index'], [2e4, Math.log(3)]);
    expectClose(out['gradient'], [1, -1, 0, 1 / 3, 1 / 3, 1 / 3 - 1]);
    expectClose(out['distribution'], [0.25 * 2e4 + 0.25 * 1e4, Math.log(3)]);
    expectClose(out['smooth'], [0.7 * 2e4 + 0.1 * (2e4 + 1e4), Math.log(3)]);
  });

  test('of a binary classifier too, and small losses keep their digits', async () => {
    const x = [-1e4, 1e4, -1e4, 1e4, 10, -10, 0];
    const t = [0, 1, 1, 0, 1, 0, 1];
    const out = await run(
      { x: f32(7), t: f32(7) },
      { x: Float32Array.from(x), t: Float32Array.from(t) },
      (inputs) => {
        const loss = nn.bceWithLogits(inputs.x, inputs.t, { reduction: 'none' });
        return { loss, gradient: grad(sum(loss), [inputs.x])[0]! };
      },
    );
    const tiny = Math.log1p(Math.exp(-10));
    expectClose(out['loss'], [0, 0, 1e4, 1e4, tiny, tiny, Math.LN2]);
    expectClose(out['gradient'], [0, 0, -1, 1, -1 / (1 + Math.exp(10)), 1 / (1 + Math.exp(10)), -0.5]);
    expect(out['loss']![4]! / tiny).toBeCloseTo(1, 2); // softplus(10) − 10 is off by 0.8 % in float32
  });
});

describe('sequenceLoss', () => {
  const [n, t] = [3, 4];
  const losses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const lengths = [2, 4, 1];
  const counted = losses.map((loss, i) => (i % t < lengths[Math.floor(i / t)]! ? loss : 0));

  test('reduces over tokens or sequences, by lengths or a mask', async () => {
    const mask = counted.map((loss) => Number(loss > 0));
    const out = await run(
      { x: f32(n, t), lengths: i32(n), mask: bool(n, t), mask01: i32(n, t) },
      {
        x: Float32Array.from(losses),
        lengths: Int32Array.from(lengths),
        mask: Uint32Array.from(mask),
        mask01: Int32Array.from(mask),
      },
      (inputs) => ({
        token: nn.sequenceLoss(inputs.x, inputs.lengths),
        byMask: nn.sequenceLoss(inputs.x, inputs.mask),
        byMask01: nn.sequenceLoss(inputs.x, inputs.mask01),
        gradient: grad(nn.sequenceLoss(inputs.x, inputs.lengths), [inputs.x])[0]!,
        none: nn.sequenceLoss(inputs.x, inputs.lengths, { reduction: 'none' }),
        batchmean: nn.sequenceLoss(inputs.x, inputs.lengths, { reduction: 'batchmean' }),
        sequence: nn.sequenceLoss(inputs.x, inputs.lengths, { per: 'sequence' }),
        sequences: nn.sequenceLoss(inputs.x, inputs.mask, { per: 'sequence', reduction: 'none' }),
        sum: nn.sequenceLoss(inputs.x, inputs.mask, { per: 'sequence', reduction: 'sum' }),
        noToken: nn.sequenceLoss(inputs.x, fill(0, [n, t], 'bool')),
        noSequence: nn.sequenceLoss(inputs.x, fill(0, [n, t], 'i32'), { per: 'sequence' }),
      }),
    );
    const sums = rowsOf(counted, t).map(total);
    expectClose(out['token'], [total(counted) / 7]);
    expectClose(out['byMask'], [total(counted) / 7]);
    expectClose(out['byMask01'], [total(counted) / 7]);
    expectClose(
      out['gradient'],
      mask.map((m) => m / 7),
    );
    expectClose(out['none'], counted);
    expectClose(out['batchmean'], [total(counted) / n]);
    expectClose(out['sequence'], [average(sums)]);
    expectClose(out['sequences'], sums);
    expectClose(out['sum'], [total(sums)]);
    expectClose(out['noToken'], [0]);
    expectClose(out['noSequence'], [0]);
  });

  test('the loss of padded sequences equals that of each sequence alone', async () => {
    const logits = normals(n * t * 5, 'sequence logits');
    const target = Array.from({ length: n * t }, (_, i) => (3 * i) % 5);
    const out = await run(
      { x: f32(n, t, 5), k: i32(n, t), lengths: i32(n) },
      { x: logits, k: Int32Array.from(target), lengths: Int32Array.from(lengths) },
      ({ x, k, lengths }) => ({
        loss: nn.sequenceLoss(nn.crossEntropy(x, k, { reduction: 'none' }), lengths, { per: 'sequence' }),
      }),
    );
    const each = lengths.map((length, i) =>
      total(
        Array.from({ length }, (_, j) => {
          const position = i * t + j;
          return -logSoftmaxOf(rowsOf(logits, 5)[position]!)[target[position]!]!;
        }),
      ),
    );
    expectClose(out['loss'], [average(each)]);
  });
});

describe('contrastive losses', () => {
  const [n, d] = [4, 3];
  const [a, b] = [normals(n * d, 'a'), normals(n * d, 'b')];
  const cosine = (x: readonly number[], y: readonly number[]) =>
    total(x.map((value, i) => value * y[i]!)) / (Math.hypot(...x) * Math.hypot(...y));
  const run2 = (loss: (a: Tensor, b: Tensor) => Tensor, reduced: (a: Tensor, b: Tensor) => Tensor) =>
    run({ a: f32(n, d), b: f32(n, d) }, { a, b }, (inputs) => {
      const [dA, dB] = grad(sum(loss(inputs.a, inputs.b)), [inputs.a, inputs.b]) as [Tensor, Tensor];
      return { none: loss(inputs.a, inputs.b), reduced: reduced(inputs.a, inputs.b), dA, dB };
    });
  const both = [...a, ...b];

  test('infoNce picks the key of each query among all keys', async () => {
    const literal = (x: readonly number[], temperature: number) => {
      const [queries, keys] = [rowsOf(x.slice(0, n * d), d), rowsOf(x.slice(n * d), d)];
      return queries.map((q, i) => -logSoftmaxOf(keys.map((k) => cosine(q, k) / temperature))[i]!);
    };
    const out = await run2(
      (a, b) => nn.infoNce(a, b, { temperature: 0.2, reduction: 'none' }),
      (a, b) => nn.infoNce(a, b),
    );
    expectClose(out['none'], literal(both, 0.2));
    expectClose(out['reduced'], [average(literal(both, 0.1))]);
    expectClose(
      [...out['dA']!, ...out['dB']!],
      differences((x) => total(literal(x, 0.2)), both),
      'gradient',
    );
  });

  test('ntXent picks the other view of each sample among all views but itself', async () => {
    const literal = (x: readonly number[], temperature: number) => {
      const all = rowsOf(x, d);
      return all.map((z, i) => {
        const others = all.flatMap((y, k) => (k === i ? [] : [Math.exp(cosine(z, y) / temperature)]));
        return -Math.log(Math.exp(cosine(z, all[(i + n) % (2 * n)]!) / temperature) / total(others));
      });
    };
    const out = await run2(
      (a, b) => nn.ntXent(a, b, { temperature: 0.2, reduction: 'none' }),
      (a, b) => nn.ntXent(a, b),
    );
    expectClose(out['none'], literal(both, 0.2));
    expectClose(out['reduced'], [average(literal(both, 0.5))]);
    expectClose(
      [...out['dA']!, ...out['dB']!],
      differences((x) => total(literal(x, 0.2)), both),
      'gradient',
    );
  });

  test('every reduction', async () => {
    const out = await run({ a: f32(n, d), b: f32(n, d) }, { a, b }, (inputs) =>
      Object.fromEntries(
        REDUCTIONS.flatMap((reduction) => [
          [`infoNce ${reduction}`, nn.infoNce(inputs.a, inputs.b, { reduction })],
          [`ntXent ${reduction}`, nn.ntXent(inputs.a, inputs.b, { reduction })],
        ]),
      ),
    );
    const vectors = rowsOf(both, d);
    const literal = { infoNce: [] as number[], ntXent: [] as number[] };
    for (let i = 0; i < 2 * n; i++) {
      let [ofKeys, ofOthers] = [0, 0];
      for (let j = 0; j < 2 * n; j++) {
        const similarity = cosine(vectors[i]!, vectors[j]!);
        if (j >= n) ofKeys += Math.exp(similarity / 0.1);
        if (j !== i) ofOthers += Math.exp(similarity / 0.5);
      }
      const own = cosine(vectors[i]!, vectors[(i + n) % (2 * n)]!);
      if (i < n) literal.infoNce.push(Math.log(ofKeys) - own / 0.1);
      literal.ntXent.push(Math.log(ofOthers) - own / 0.5);
    }
    expectReductions(out, 'infoNce', literal.infoNce);
    expectReductions(out, 'ntXent', literal.ntXent);
  });

  test('vectors of zeros and of 1e4 stay finite', async () => {
    const out = await run({ a: f32(2, 2) }, { a: Float32Array.of(0, 0, 1e4, -1e4) }, ({ a }) => {
      const loss = nn.ntXent(a, mul(a, 2), { temperature: 0.01 });
      return { loss, gradient: grad(loss, [a])[0]! };
    });
    expect(Object.values(out).flat().every(Number.isFinite)).toBe(true);
  });
});

describe('elbo', () => {
  const { Bernoulli, Normal } = distributions;
  const [n, dims, latents] = [3, 4, 2];
  const signature = { x: f32(n, dims), y: f32(n, dims), mu: f32(n, latents), s: f32(n, latents) };
  const data = {
    x: Float32Array.from({ length: n * dims }, (_, i) => Number(i % 3 === 0)),
    y: normals(n * dims, 'y'),
    mu: normals(n * latents, 'mu'),
    s: normals(n * latents, 's'),
  };
  const klOf = rowsOf(data.mu, latents).map((mu, i) =>
    total(mu.map((m, j) => (m * m + Math.exp(data.s[i * latents + j]!) - 1 - data.s[i * latents + j]!) / 2)),
  );
  const sums = (f: (x: number, y: number) => number) =>
    rowsOf(data.x, dims).map((row, i) => total(row.map((x, j) => f(x, data.y[i * dims + j]!))));

  test('is the log-likelihood minus beta times KL, for Bernoulli and Gaussian observations', async () => {
    const out = await run(signature, data, ({ x, y, mu, s }) => {
      const posterior = new Normal(mu, { logVar: s });
      const bernoulli = nn.elbo(x, new Bernoulli(y), posterior, { beta: 4 });
      const images = reshape(x, [n, 1, 2, 2]);
      const gaussian = nn.elbo(images, new Normal(reshape(y, images.shape), { scale: 0.5 }), posterior, {
        reduction: 'none',
      });
      const wide = nn.elbo(x, new Normal(y), posterior, {
        prior: new Normal(1, { scale: 2 }),
        reduction: 'sum',
      });
      return {
        bElbo: bernoulli.elbo,
        bReconstruction: bernoulli.reconstruction,
        bKl: bernoulli.kl,
        gElbo: gaussian.elbo,
        wKl: wide.kl,
      };
    });
    const bernoulli = sums((x, y) => -(x ? Math.log1p(Math.exp(-y)) : Math.log1p(Math.exp(y))));
    const gaussian = sums((x, y) => -((x - y) ** 2) / (2 * 0.25) - Math.log(0.5 * Math.sqrt(2 * Math.PI)));
    expectClose(out['bReconstruction'], [average(bernoulli)]);
    expectClose(out['bKl'], [average(klOf)]);
    expectClose(out['bElbo'], [average(bernoulli) - 4 * average(klOf)]);
    expectClose(
      out['gElbo'],
      gaussian.map((value, i) => value - klOf[i]!),
    );
    const wide = Array.from(data.mu, (m, i) => {
      const variance = Math.exp(data.s[i]!);
      return Math.log(2) - data.s[i]! / 2 + (variance + (m - 1) ** 2) / 8 - 0.5;
    });
    expectClose(out['wKl'], [total(wide)]);
  });

  test('every reduction, of the bound and of both its terms', async () => {
    const out = await run(signature, data, ({ x, y, mu, s }) =>
      Object.fromEntries(
        REDUCTIONS.flatMap((reduction) =>
          Object.entries(
            nn.elbo(x, new Bernoulli(y), new Normal(mu, { logVar: s }), { beta: 2.5, reduction }),
          ).map(([name, value]) => [`${name} ${reduction}`, value as Tensor]),
        ),
      ),
    );
    const literal = { elbo: [] as number[], reconstruction: [] as number[], kl: [] as number[] };
    for (let i = 0; i < n; i++) {
      let [logP, divergence] = [0, 0];
      for (let j = 0; j < dims; j++) {
        const p = 1 / (1 + Math.exp(-data.y[i * dims + j]!));
        logP += Math.log(data.x[i * dims + j] === 1 ? p : 1 - p);
      }
      for (let j = 0; j < latents; j++) {
        const [mu, logVar] = [data.mu[i * latents + j]!, data.s[i * latents + j]!];
        divergence += (mu * mu + Math.exp(logVar) - 1 - logVar) / 2;
      }
      literal.reconstruction.push(logP);
      literal.kl.push(divergence);
      literal.elbo.push(logP - 2.5 * divergence);
    }
    for (const [name, values] of Object.entries(literal)) expectReductions(out, name, values);
  });

  test('plus KL to the true posterior is log p(x), on a linear Gaussian model', async () => {
    // z ~ N(0, 1), x | z ~ N(w z + c, σ²); so x ~ N(c, w² + σ²) and z | x ~ N(v w (x − c) / σ², v), 1 / v = 1 + w² / σ².
    const [w, c, sigma, x] = [1.5, 0.5, 0.8, 2];
    const [mu, logVar] = [0.3, -1];
    const count = 20_000;
    const out = await run({}, {}, () => {
      const posterior = new Normal(fill(mu, [count, 1]), { logVar });
      const observation = new Normal(mul(posterior.sample(), w), { scale: sigma });
      return { elbo: nn.elbo(fill(x - c, [count, 1]), observation, posterior, { reduction: 'none' }).elbo };
    });
    const marginal = w * w + sigma * sigma;
    const logP = -((x - c) ** 2) / (2 * marginal) - Math.log(2 * Math.PI * marginal) / 2;
    const v = 1 / (1 + (w * w) / (sigma * sigma));
    const m = (v * w * (x - c)) / (sigma * sigma);
    const klToPosterior =
      Math.log(Math.sqrt(v)) - logVar / 2 + (Math.exp(logVar) + (mu - m) ** 2) / (2 * v) - 0.5;
    const values = out['elbo']!;
    const estimate = average(values);
    const deviation = Math.sqrt(average(values.map((e) => (e - estimate) ** 2)));
    expect(Math.abs(estimate + klToPosterior - logP)).toBeLessThan((4 * deviation) / Math.sqrt(count));
  });

  test('refuses what does not fit', () => {
    const posterior = new Normal(fill(0, [3, 2]));
    const observation = new Bernoulli(fill(0, [3, 4]));
    expect(() => nn.elbo(fill(0, [3, 5]), observation, posterior)).toThrow(
      'elbo: expected x and observation of one shape, got [3, 5] and [3, 4]',
    );
    expect(() => nn.elbo(fill(0, [3, 4]), observation, new Normal(fill(0, [2, 2])))).toThrow(
      'elbo: expected x and posterior with one row per sample, got [3, 4] and [2, 2]',
    );
    expect(() => nn.elbo(fill(0, [3, 4]), observation, posterior, { beta: -1 })).toThrow(
      'elbo: expected beta >= 0, got -1',
    );
    expect(() => nn.elbo(fill(0, [3, 4]), observation, observation)).toThrow(
      'kl: expected two distributions of one family, got Bernoulli and Normal',
    );
    expect(() =>
      nn.elbo(fill(0, [0, 4]), new Bernoulli(fill(0, [0, 4])), new Normal(fill(0, [0, 2]))),
    ).toThrow('elbo: expected at least one element, got [0]');
  });
});

describe('the value of a GAN, V = E log D(x) + E log(1 − D(G(z)))', () => {
  // D is sigmoid(logit), and its loss −V, as in examples/gan.ts. Both objectives of G share it.
  const bce = (logits: Tensor, label: number) => nn.bceWithLogits(logits, fill(label, logits.shape));
  const objectives = {
    saturating: (fake: Tensor) => neg(bce(fake, 0)), // E log(1 − D(G(z)))
    usual: (fake: Tensor) => bce(fake, 1), // −E log D(G(z))
  };
  const play = (real: readonly number[], fake: readonly number[], objective: keyof typeof objectives) =>
    run(
      { real: f32(real.length, 1), fake: f32(fake.length, 1) },
      { real: Float32Array.from(real), fake: Float32Array.from(fake) },
      (logits) => {
        const lossOfD = add(bce(logits.real, 1), bce(logits.fake, 0));
        const [dReal, dFake] = grad(lossOfD, [logits.real, logits.fake]) as [Tensor, Tensor];
        const lossOfG = objectives[objective](logits.fake);
        return { V: neg(lossOfD), dReal, dFake, lossOfG, dG: grad(lossOfG, [logits.fake])[0]! };
      },
    );
  const D = (logit: number) => 1 / (1 + Math.exp(-logit));
  const V = (real: readonly number[], fake: readonly number[]) =>
    average(real.map((logit) => Math.log(D(logit)))) + average(fake.map((logit) => Math.log(1 - D(logit))));

  test.each(['usual', 'saturating'] as const)(
    'is −2 log 2 at the equilibrium, where D is 1/2 everywhere: %s objective',
    async (objective) => {
      const out = await play(zeros(3), zeros(5), objective);
      expectClose(out['V'], [-2 * Math.LN2], 'V');
      // D cannot gain where it sees the same on both sides: what a real logit pulls up, a fake one pulls down
      expectClose(out['dReal'], new Array<number>(3).fill(-1 / 2 / 3), 'dReal');
      expectClose(out['dFake'], new Array<number>(5).fill(1 / 2 / 5), 'dFake');
      expectClose(out['lossOfG'], [objective === 'usual' ? Math.LN2 : -Math.LN2], 'lossOfG');
      // both objectives move G the same way and, at D = 1/2, as far
      expectClose(out['dG'], new Array<number>(5).fill(-1 / 2 / 5), 'dG');
    },
  );

  test.each(['usual', 'saturating'] as const)('of any D is its formula: %s objective', async (objective) => {
    const [real, fake] = [Array.from(normals(4, 'real', 2)), Array.from(normals(3, 'fake', 2))];
    const out = await play(real, fake, objective);
    expectClose(out['V'], [V(real, fake)], 'V');
    const slope = (logit: number) => (objective === 'usual' ? D(logit) - 1 : -D(logit)) / fake.length;
    expectClose(out['dG'], fake.map(slope), 'dG');
  });

  test('of a D that cannot tell real from fake is at most −2 log 2', async () => {
    for (const logit of [-2, -0.5, 0.5, 2]) {
      const out = await play([logit], [logit], 'usual');
      expectClose(out['V'], [V([logit], [logit])]);
      expect(out['V']![0]!).toBeLessThan(-2 * Math.LN2 - 0.01);
    }
  });
});

test('every reduction of every element-wise loss', async () => {
  const [x, t] = [
    [0.5, 0.1, 0.9, 0.3, 0.6, 0.2],
    [1, 0, 1, 0, 0.5, 0.25],
  ];
  const losses: Record<string, (x: Tensor, t: Tensor, options: { reduction: nn.Reduction }) => Tensor> = {
    mse: nn.mse,
    l1: nn.l1,
    huber: nn.huber,
    bce: nn.bce,
    bceWithLogits: nn.bceWithLogits,
    gaussianNll: (x, t, options) => nn.gaussianNll(x, fill(0.5), t, options),
    gaussianNllVariance: (x, t, options) => nn.gaussianNllVariance(x, fill(0.5), t, options),
    klStandardNormal: nn.klStandardNormal,
  };
  for (const [name, loss] of Object.entries(losses)) {
    const out = await run(
      { x: f32(3, 2), t: f32(3, 2) },
      { x: Float32Array.from(x), t: Float32Array.from(t) },
      (i) =>
        Object.fromEntries(
          (['none', 'sum', 'mean', 'batchmean'] as const).map((reduction) => [
            reduction,
            loss(i.x, i.t, { reduction }),
          ]),
        ),
    );
    const sumOfAll = total(out['none']!);
    expect(out['none'], name).toHaveLength(6);
    expect(Math.abs(sumOfAll), name).toBeGreaterThan(0.1);
    expectClose(out['sum'], [sumOfAll], name);
    expectClose(out['mean'], [sumOfAll / 6], name);
    expectClose(out['batchmean'], [sumOfAll / 3], name);
  }
});

test('batchmean of one position divides by 1, not by the number of classes', async () => {
  const out = await run({ x: f32(3) }, { x: Float32Array.of(1, 2, 3) }, ({ x }) => ({
    loss: nn.crossEntropy(x, fill(0, [], 'i32'), { reduction: 'batchmean' }),
    soft: nn.crossEntropy(x, softmax(x), { reduction: 'batchmean' }),
  }));
  const logp = logSoftmaxOf([1, 2, 3]);
  expectClose(out['loss'], [-logp[0]!]);
  expectClose(out['soft'], [-total(logp.map((l) => l * Math.exp(l)))]);
});

test('empty sets and wrong arguments are refused', () => {
  const [x, k] = [fill(0, [2, 3]), fill(0, [2], 'i32')];
  const none = fill(0, [0, 3]);
  const refused: [() => Tensor, string][] = [
    [() => nn.mse(none, none), 'mse: expected at least one element, got [0, 3]'],
    [() => nn.bce(none, none, { reduction: 'none' }), 'bce: expected at least one element, got [0, 3]'],
    [
      () => nn.crossEntropy(none, fill(0, [0], 'i32')),
      'crossEntropy: expected logits [..., classes] with at least one position and class, got [0, 3]',
    ],
    [
      () => nn.crossEntropy(fill(0, [2, 0]), k),
      'crossEntropy: expected logits [..., classes] with at least one position and class, got [2, 0]',
    ],
    [
      () => nn.nll(fill(0), fill(0, [], 'i32')),
      'nll: expected logProbs [..., classes] with at least one position and class, got []',
    ],
    [() => nn.nll(x, fill(0, [2])), 'nll: expected class indices of i32 or u32, got f32'],
    [
      () => nn.crossEntropy(x, fill(0, [2], 'bool')),
      'crossEntropy: expected class indices of i32 or u32, got bool',
    ],
    [
      () => nn.crossEntropy(x, k, { labelSmoothing: 1.5 }),
      'crossEntropy: expected labelSmoothing in [0, 1], got 1.5',
    ],
    [
      () => nn.crossEntropy(x, x, { ignoreIndex: 0 }),
      'crossEntropy: expected ignoreIndex with class indices, got a distribution as target',
    ],
    [
      () => nn.nll(x, k, { reduction: 'average' as 'mean' }),
      "nll: expected reduction 'mean', 'sum', 'batchmean' or 'none', got average",
    ],
    [
      () => nn.sequenceLoss(x, fill(0, [3], 'i32')),
      'sequenceLoss: expected a loss [n, t] and lengths [n] or a mask [n, t], got [2, 3] and [3]',
    ],
    [
      () => nn.sequenceLoss(none, fill(0, [0], 'i32')),
      'sequenceLoss: expected a loss [n, t] and lengths [n] or a mask [n, t], got [0, 3] and [0]',
    ],
    [() => nn.sequenceLoss(x, fill(1, [2])), 'sequenceLoss: expected lengths of i32 or u32, got f32'],
    [() => nn.sequenceLoss(x, x), 'sequenceLoss: expected a mask of bool or i32, got f32'],
    [
      () => nn.sequenceLoss(x, fill(1, [2], 'i32'), { per: 'batch' as 'token' }),
      "sequenceLoss: expected per 'token' or 'sequence', got batch",
    ],
    [
      () => nn.infoNce(x, fill(0, [3, 3])),
      'infoNce: expected two batches of vectors [n, d], row i of one belonging to row i of the other, got [2, 3] and [3, 3]',
    ],
    [
      () => nn.ntXent(none, none),
      'ntXent: expected two batches of vectors [n, d], row i of one belonging to row i of the other, got [0, 3] and [0, 3]',
    ],
    [() => nn.ntXent(x, x, { temperature: 0 }), 'ntXent: expected temperature > 0, got 0'],
  ];
  for (const [call, message] of refused) expect(call).toThrow(message);
});
