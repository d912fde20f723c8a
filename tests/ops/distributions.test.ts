// Distributions against their formulas, written out over plain numbers in float64, and their samples against their moments.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  compile,
  cpu,
  distributions,
  f32,
  fill,
  grad,
  i32,
  mean,
  Parameter,
  square,
  sub,
  sum,
  type Device,
  type Signature,
  type StepResult,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import type { InputData, InputTensors } from '../../src/compile.ts';
import { openDevice } from '../device.ts';

const { Bernoulli, Categorical, kl, Normal } = distributions;

vi.setConfig({ testTimeout: 120_000 }); // a software adapter compiles shaders for seconds

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

// Float32 against float64 on cpu(); on a GPU also the error that WGSL allows exp and log.
const RTOL = __BACKEND__ === 'cpu' ? 2e-6 : 2e-5;
const ATOL = __BACKEND__ === 'cpu' ? 1e-6 : 1e-5;

/** The outputs of one step. */
async function run<S extends Signature>(
  signature: S,
  data: InputData<S>,
  fn: (inputs: InputTensors<S>) => Readonly<Record<string, Tensor>>,
  on: Device = device,
): Promise<Record<string, number[]>> {
  const step = await compile(
    on,
    signature,
    (inputs): StepResult<Record<string, Tensor>> => ({ outputs: fn(inputs) }),
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

const log1pExp = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const logistic = (x: number) => 1 / (1 + Math.exp(-x));

describe('Normal', () => {
  const x = [0.3, -2, 5, 1e3];
  const mu = [0.1, 1, -4, 0];
  const raw = [0.5, -1.5, 2, 3];
  const density = (x: number, mu: number, sigma: number) =>
    -((x - mu) ** 2) / (2 * sigma ** 2) - Math.log(sigma) - Math.log(2 * Math.PI) / 2;
  const entropy = (sigma: number) => Math.log(sigma * Math.sqrt(2 * Math.PI * Math.E));

  test('has the same density and entropy in each form of its deviation', async () => {
    const out = await run(
      { x: f32(4), mu: f32(4), raw: f32(4) },
      { x: Float32Array.from(x), mu: Float32Array.from(mu), raw: Float32Array.from(raw) },
      (t) => {
        const byScale = new Normal(t.mu, { scale: square(t.raw) });
        const byLogVar = new Normal(t.mu, { logVar: t.raw });
        const byRaw = new Normal(t.mu, { rawScale: t.raw });
        const fixed = new Normal(t.mu, { scale: 2 });
        return {
          scale: byScale.logProb(t.x),
          logVar: byLogVar.logProb(t.x),
          raw: byRaw.logProb(t.x),
          fixed: fixed.logProb(t.x),
          standard: new Normal(0).logProb(t.x),
          hScale: byScale.entropy(),
          hLogVar: byLogVar.entropy(),
          hRaw: byRaw.entropy(),
          hFixed: fixed.entropy(),
          mean: fixed.mean(),
          mode: byRaw.mode(),
        };
      },
    );
    const sigmas = {
      scale: raw.map((r) => r * r),
      logVar: raw.map((r) => Math.exp(r / 2)),
      raw: raw.map((r) => log1pExp(r) + 1e-6),
      fixed: raw.map(() => 2),
    };
    for (const form of ['scale', 'logVar', 'raw', 'fixed'] as const) {
      expectClose(
        out[form],
        x.map((value, i) => density(value, mu[i]!, sigmas[form][i]!)),
        form,
      );
      expectClose(
        out[`h${form[0]!.toUpperCase()}${form.slice(1)}`],
        sigmas[form].map(entropy),
        `entropy, ${form}`,
      );
    }
    expectClose(
      out['standard'],
      x.map((value) => density(value, 0, 1)),
    );
    expectClose(out['mean'], mu);
    expectClose(out['mode'], mu);
  });

  test('kl has its closed form, 0 for equal distributions, and that of the standard normal as a loss', async () => {
    const nu = [0, 2, -4, 1];
    const out = await run(
      { mu: f32(4), s: f32(4), nu: f32(4) },
      { mu: Float32Array.from(mu), s: Float32Array.from(raw), nu: Float32Array.from(nu) },
      (t) => {
        const p = new Normal(t.mu, { logVar: t.s });
        return {
          other: kl(p, new Normal(t.nu, { scale: 0.7 })),
          same: kl(p, p),
          standard: p.kl(new Normal(0)),
        };
      },
    );
    const literal = (m: number, a: number, n: number, b: number) =>
      Math.log(b / a) + (a * a + (m - n) ** 2) / (2 * b * b) - 0.5;
    const sigma = raw.map((r) => Math.exp(r / 2));
    expectClose(
      out['other'],
      mu.map((m, i) => literal(m, sigma[i]!, nu[i]!, 0.7)),
    );
    expectClose(
      out['standard'],
      mu.map((m, i) => literal(m, sigma[i]!, 0, 1)),
    );
    expectClose(out['same'], [0, 0, 0, 0]);
  });

  test('one deviation for all elements can be learned: its estimate is the root of the mean square', async () => {
    const data = [1, -2, 3, -4];
    const rawScale = new Parameter([], () => [0], { name: 'rawScale' });
    const step = await compile(device, { x: f32(4) }, ({ x }) => {
      const loss = sub(0, mean(new Normal(fill(0, [4]), { rawScale }).logProb(x)));
      return {
        outputs: { sigma: new Normal(0, { rawScale }).scale },
        updates: [[rawScale, sub(rawScale, grad(loss, [rawScale])[0]!)]],
      };
    });
    let sigma = 0;
    for (let t = 0; t < 200; t++) sigma = await (await step({ x: Float32Array.from(data) })).sigma.item();
    expect(sigma).toBeCloseTo(Math.sqrt(30 / 4), 3);
  });

  test('a very negative rawScale stays finite', async () => {
    const out = await run({ raw: f32(2) }, { raw: Float32Array.of(-1e4, -100) }, ({ raw }) => {
      const normal = new Normal(fill(0, [2]), { rawScale: raw });
      return { logProb: normal.logProb(fill(0, [2])), d: grad(sum(normal.entropy()), [raw])[0]! };
    });
    expectClose(
      out['logProb'],
      [1e-6, 1e-6].map((sigma) => density(0, 0, sigma)),
    );
    expectClose(out['d'], [0, 0]);
  });
});

describe('Bernoulli', () => {
  const logits = [-1e4, -30, -0.5, 0, 2, 30, 1e4];
  const n = logits.length;

  test('has the probabilities of its logits, accurate where it is sure, finite for logits of ±1e4', async () => {
    const out = await run({ l: f32(n) }, { l: Float32Array.from(logits) }, ({ l }) => {
      const d = new Bernoulli(l);
      return {
        one: d.logProb(fill(1, [n])),
        zero: d.logProb(fill(0, [n])),
        some: d.logProb(fill(0.25, [n])),
        mean: d.mean(),
        mode: d.mode(),
        entropy: d.entropy(),
        dOne: grad(sum(d.logProb(fill(1, [n]))), [l])[0]!,
      };
    });
    expectClose(
      out['one'],
      logits.map((l) => -log1pExp(-l)),
    );
    expectClose(
      out['zero'],
      logits.map((l) => -log1pExp(l)),
    );
    expectClose(
      out['some'],
      logits.map((l) => -0.25 * log1pExp(-l) - 0.75 * log1pExp(l)),
    );
    expectClose(out['mean'], logits.map(logistic));
    expect(out['mode']).toEqual([0, 0, 0, 0, 1, 1, 1]);
    expectClose(
      out['entropy'],
      logits.map((l) => logistic(l) * log1pExp(-l) + logistic(-l) * log1pExp(l)),
    );
    expectClose(
      out['dOne'],
      logits.map((l) => logistic(-l)),
    );
    // Relatively accurate, too: 10 − 10.0000454 is off by 0.8 % in float32. SwiftShader's log is off by 0.04 % here.
    const sure = await run({ l: f32(1) }, { l: Float32Array.of(10) }, ({ l }) => ({
      one: new Bernoulli(l).logProb(fill(1, [1])),
      entropy: new Bernoulli(l).entropy(),
    }));
    const entropy = logistic(10) * log1pExp(-10) + logistic(-10) * log1pExp(10);
    expect(sure['one']![0]! / -log1pExp(-10)).toBeCloseTo(1, 2);
    expect(sure['entropy']![0]! / entropy).toBeCloseTo(1, 2);
  });

  test('kl has its closed form and stays finite', async () => {
    const others = [3, 1e4, -0.5, 1, -1e4, 2, 1e4];
    const out = await run(
      { a: f32(n), b: f32(n) },
      { a: Float32Array.from(logits), b: Float32Array.from(others) },
      ({ a, b }) => ({ kl: kl(new Bernoulli(a), new Bernoulli(b)) }),
    );
    expectClose(
      out['kl'],
      logits.map((a, i) => {
        const b = others[i]!;
        return logistic(a) * (log1pExp(-b) - log1pExp(-a)) + logistic(-a) * (log1pExp(b) - log1pExp(a));
      }),
    );
  });
});

describe('Categorical', () => {
  const rows = [
    [1, 2, 3, -1],
    [0, 0, 0, 0],
    [1e4, -1e4, 0, 1e4],
  ];
  const logits = Float32Array.from(rows.flat());
  const logSoftmax = (row: readonly number[]) => {
    const most = Math.max(...row);
    const total = Math.log(row.reduce((s, l) => s + Math.exp(l - most), 0));
    return row.map((l) => l - most - total);
  };
  const logp = rows.map(logSoftmax);

  test('has the probabilities of its logits, also for logits of ±1e4', async () => {
    const classes = [2, 1, 3];
    const out = await run(
      { l: f32(3, 4), k: i32(3), many: i32(2, 3) },
      { l: logits, k: Int32Array.from(classes), many: Int32Array.of(0, 1, 2, 3, 2, 1) },
      ({ l, k, many }) => {
        const d = new Categorical(l);
        return {
          logProb: d.logProb(k),
          many: d.logProb(many),
          mean: d.mean(),
          mode: d.mode(),
          entropy: d.entropy(),
          dEntropy: grad(sum(d.entropy()), [l])[0]!,
        };
      },
    );
    expectClose(
      out['logProb'],
      classes.map((k, i) => logp[i]![k]!),
    );
    expectClose(out['many'], [
      logp[0]![0]!,
      logp[1]![1]!,
      logp[2]![2]!,
      logp[0]![3]!,
      logp[1]![2]!,
      logp[2]![1]!,
    ]);
    expectClose(out['mean'], logp.flat().map(Math.exp));
    expect(out['mode']).toEqual([2, 0, 0]);
    const entropies = logp.map((row) => -row.reduce((s, l) => s + Math.exp(l) * l, 0));
    expectClose(out['entropy'], entropies);
    expectClose(
      out['dEntropy'],
      logp.flatMap((row, i) => row.map((l) => -Math.exp(l) * (l + entropies[i]!))),
    );
  });

  test('kl has its closed form', async () => {
    const others = [
      [0, 1, 0, 1],
      [-2, 5, 1, 0],
      [1e4, 1e4, 1e4, 1e4],
    ];
    const out = await run(
      { a: f32(3, 4), b: f32(3, 4) },
      { a: logits, b: Float32Array.from(others.flat()) },
      ({ a, b }) => ({ kl: kl(new Categorical(a), new Categorical(b)) }),
    );
    expectClose(
      out['kl'],
      logp.map((row, i) => {
        const q = logSoftmax(others[i]!);
        return row.reduce((s, l, c) => s + Math.exp(l) * (l - q[c]!), 0);
      }),
    );
  });
});

describe('samples', () => {
  const count = 20_000;
  const draw = (on: Device = device) =>
    run(
      { mu: f32(2), logits: f32(2), classes: f32(2, 3) },
      {
        mu: Float32Array.of(-1, 3),
        logits: Float32Array.of(-1, 2),
        classes: Float32Array.of(0, 1, 2, 1e4, 1e4 - 1, -1e4),
      },
      ({ mu, logits, classes }) => ({
        normal: new Normal(mu, { scale: 0.5 }).sample({ shape: [count] }),
        bernoulli: new Bernoulli(logits).sample({ shape: [count] }),
        categorical: new Categorical(classes).sample({ shape: [count] }),
      }),
      on,
    );
  const column = (values: readonly number[], at: number) => values.filter((_, i) => i % 2 === at);
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  /** Four standard errors of a frequency. */
  const near = (got: number, p: number) =>
    expect(Math.abs(got - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / count));

  test('have the moments and frequencies of their distribution', async () => {
    const { normal, bernoulli, categorical } = await draw();
    for (const [at, mu] of [-1, 3].entries()) {
      const values = column(normal!, at);
      expect(Math.abs(average(values) - mu)).toBeLessThan((4 * 0.5) / Math.sqrt(count));
      const variance = average(values.map((v) => (v - mu) ** 2));
      expect(Math.abs(variance - 0.25)).toBeLessThan(4 * 0.25 * Math.sqrt(2 / count));
    }
    for (const [at, l] of [-1, 2].entries()) near(average(column(bernoulli!, at)), logistic(l));
    const total = 1 + Math.E + Math.E ** 2;
    for (const k of [0, 1, 2])
      near(average(column(categorical!, 0).map((c) => Number(c === k))), Math.exp(k) / total);
    near(average(column(categorical!, 1).map((c) => Number(c === 0))), logistic(1));
    expect(column(categorical!, 1)).not.toContain(2);
  });

  test.runIf(__BACKEND__ === 'webgpu')('are those of cpu(), but where rounding decides', async () => {
    const [here, reference] = [await draw(), await draw(cpu())];
    here['normal']!.forEach((value, i) => expect(value).toBeCloseTo(reference['normal']![i]!, 4));
    for (const name of ['bernoulli', 'categorical']) {
      const differ = here[name]!.filter((value, i) => value !== reference[name]![i]);
      expect(differ.length, name).toBeLessThanOrEqual(2);
    }
  });

  test('of a normal let gradients through to mu and σ, and are new at each step and the same for a stream', async () => {
    const step = await compile(device, { mu: f32(8), s: f32(8) }, ({ mu, s }) => {
      const d = new Normal(mu, { scale: s });
      const z = d.sample({ stream: 'z' });
      const [dMu, dS] = grad(sum(z), [mu, s]) as [Tensor, Tensor];
      return { outputs: { z, again: d.sample({ stream: 'z' }), dMu, dS } };
    });
    const data = { mu: new Float32Array(8).fill(1), s: new Float32Array(8).fill(2) };
    const first = await step(data);
    const [z, again, dMu, dS] = await Promise.all(
      [first.z, first.again, first.dMu, first.dS].map((v) => v.data()),
    );
    expect(again).toEqual(z);
    expect([...dMu!]).toEqual(Array(8).fill(1));
    dS!.forEach((epsilon, i) => expect(1 + 2 * epsilon).toBeCloseTo(z![i]!, 5));
    expect(await (await step(data)).z.data()).not.toEqual(z);
  });
});

test('wrong arguments are refused', () => {
  const two = fill(0, [2]);
  const three = fill(0, [3]);
  expect(() => new Normal(two, { scale: three })).toThrow(
    'Normal: expected shapes that broadcast, got [2] and [3]',
  );
  expect(() => new Normal(two, { scale: 1, logVar: 0 })).toThrow(
    'Normal: expected one of scale, logVar and rawScale, got ["scale","logVar"]',
  );
  for (const scale of [0, -1, Number.NaN])
    expect(() => new Normal(two, { scale })).toThrow(`Normal: expected scale > 0, got ${scale}`);
  expect(() => new Normal(two).logProb(three)).toThrow(
    'Normal.logProb: expected shapes that broadcast, got [3] and [2]',
  );
  expect(() => new Bernoulli(two).logProb(three)).toThrow(
    'Bernoulli.logProb: expected shapes that broadcast',
  );
  expect(() => new Categorical(fill(0, [2, 0]))).toThrow(
    'Categorical: expected logits [..., classes], got [2, 0]',
  );
  expect(() => new Categorical(fill(0))).toThrow('Categorical: expected logits [..., classes], got []');
  expect(() => new Categorical(fill(0, [2, 3])).logProb(two)).toThrow(
    'Categorical.logProb: expected i32 or u32 classes, got f32',
  );
  expect(() => kl(new Normal(two), new Bernoulli(two))).toThrow(
    'kl: expected two distributions of one family, got Normal and Bernoulli',
  );
  expect(() => kl(new Normal(two), new Normal(three))).toThrow(
    'kl: expected shapes that broadcast, got [2] and [3]',
  );
  expect(() => kl(new Categorical(two), new Categorical(three))).toThrow(
    'kl: expected as many classes, got [2] and [3]',
  );
});
