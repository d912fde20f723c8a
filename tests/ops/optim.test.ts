// Optimizers against the loops of their papers, written out over plain numbers in float64. tests/golden has PyTorch's
// numbers for SGD, Adam and RMSprop; here are the others, and the options that it does not cover.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  add,
  compile,
  f32,
  fill,
  grad,
  HostRandom,
  nn,
  optim,
  Parameter,
  square,
  sum,
  type Device,
  type Shape,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';

vi.setConfig({ testTimeout: 120_000 }); // a software adapter compiles shaders for seconds

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const STEPS = 20;
// As in tests/golden: float32 against float64 on cpu(), and the error that WGSL allows √ and division on a GPU.
const [RTOL, ATOL] = __BACKEND__ === 'cpu' ? [2e-5, 3e-6] : [2e-4, 3e-5];

const sizeOf = (shape: Shape) => shape.reduce((a, b) => a * b, 1);
const normals = (length: number, stream: string) => {
  const random = new HostRandom(7, stream);
  return Float32Array.from({ length }, () => random.normal());
};

/** Next values of one parameter in place, from its gradient at step t = 1, 2, ...; called with float64 numbers. */
type Rule = (p: number[], g: readonly number[], t: number) => void;
type Make = (params: readonly Parameter[]) => optim.Optimizer<optim.OptimizerOptions>;

/** Runs the optimizer and the rule from the same start with the same gradients and compares each step. */
async function expectRule(make: Make, shape: Shape, rule: Rule): Promise<void> {
  const size = sizeOf(shape);
  const start = normals(size, 'start');
  const grads = normals(STEPS * size, 'gradients');
  const p = new Parameter(shape, nn.init.values(start), { name: 'p' });
  const optimizer = make([p]);
  const step = await compile(device, { g: f32(...shape) }, ({ g }) => ({
    outputs: {},
    updates: optimizer.update([g]),
  }));
  const expected = [...start];
  for (let t = 1; t <= STEPS; t++) {
    const g = grads.slice((t - 1) * size, t * size);
    await step({ g });
    rule(expected, [...g], t);
    const got = await p.read(device);
    expected.forEach((value, i) => {
      const error = Math.abs(got[i]! - value);
      expect(error, `step ${t}, element ${i}`).toBeLessThanOrEqual(ATOL + RTOL * Math.abs(value));
    });
  }
  step.release();
}

const zeros = (length: number) => Array.from({ length }, () => 0);

describe('Adagrad', () => {
  const literal = (lr: number, eps: number, initial: number, decay: number): Rule => {
    const s = Array.from({ length: 12 }, () => initial);
    return (p, g) => {
      for (let i = 0; i < p.length; i++) {
        const d = g[i]! + decay * p[i]!;
        s[i] = s[i]! + d * d;
        p[i] = p[i]! - (lr * d) / (Math.sqrt(s[i]!) + eps);
      }
    };
  };
  test('divides by the root of the sum of all squares', () =>
    expectRule((params) => new optim.Adagrad(params, { lr: 0.1 }), [3, 4], literal(0.1, 1e-10, 0, 0)));
  test('takes eps, an initial sum and weight decay', () =>
    expectRule(
      (params) =>
        new optim.Adagrad(params, { lr: 0.1, eps: 0.1, initialAccumulatorValue: 0.5, weightDecay: 0.2 }),
      [3, 4],
      literal(0.1, 0.1, 0.5, 0.2),
    ));
});

describe('Lion', () => {
  const literal = (lr: number, beta1: number, beta2: number, decay: number): Rule => {
    const m = zeros(12);
    return (p, g) => {
      for (let i = 0; i < p.length; i++) {
        const direction = Math.sign(beta1 * m[i]! + (1 - beta1) * g[i]!);
        p[i] = p[i]! - lr * (direction + decay * p[i]!);
        m[i] = beta2 * m[i]! + (1 - beta2) * g[i]!;
      }
    };
  };
  test('moves by the sign of an average', () =>
    expectRule((params) => new optim.Lion(params, { lr: 0.01 }), [3, 4], literal(0.01, 0.9, 0.99, 0)));
  test('takes betas and decoupled weight decay', () =>
    expectRule(
      (params) => new optim.Lion(params, { lr: 0.01, betas: [0.5, 0.8], weightDecay: 0.3 }),
      [3, 4],
      literal(0.01, 0.5, 0.8, 0.3),
    ));
});

describe('RMSprop', () => {
  const literal = (lr: number, alpha: number, eps: number, momentum: number, decay: number): Rule => {
    const [v, m, b] = [zeros(12), zeros(12), zeros(12)];
    return (p, g) => {
      for (let i = 0; i < p.length; i++) {
        const d = g[i]! + decay * p[i]!;
        v[i] = alpha * v[i]! + (1 - alpha) * d * d;
        m[i] = alpha * m[i]! + (1 - alpha) * d;
        b[i] = momentum * b[i]! + d / (Math.sqrt(v[i]! - m[i]! * m[i]!) + eps);
        p[i] = p[i]! - lr * b[i]!;
      }
    };
  };
  test('takes centering, momentum and weight decay together', () =>
    expectRule(
      (params) =>
        new optim.RMSprop(params, {
          lr: 0.01,
          alpha: 0.9,
          eps: 0.01,
          momentum: 0.7,
          centered: true,
          weightDecay: 0.1,
        }),
      [3, 4],
      literal(0.01, 0.9, 0.01, 0.7, 0.1),
    ));

  test('centering a gradient that never changes stays finite', async () => {
    const p = new Parameter([3], nn.init.constantInit(0), { name: 'p' });
    const optimizer = new optim.RMSprop([p], { lr: 1e-3, alpha: 0.5, eps: 0.1, centered: true });
    const step = await compile(device, { g: f32(3) }, ({ g }) => ({
      outputs: {},
      updates: optimizer.update([g]),
    }));
    const g = Float32Array.of(1 / 3, -1e4, 0.7);
    for (let t = 0; t < 40; t++) await step({ g });
    expect([...(await p.read(device))].every((x) => Number.isFinite(x))).toBe(true);
  });
});

describe('SGD', () => {
  const literal = (lr: number, momentum: number, share: number, nesterov: boolean): Rule => {
    const v = zeros(12);
    return (p, g) => {
      for (let i = 0; i < p.length; i++) {
        v[i] = momentum * v[i]! + share * g[i]!;
        p[i] = p[i]! - lr * (nesterov ? momentum * v[i]! + share * g[i]! : v[i]!);
      }
    };
  };
  test.each([false, true])('averages its momentum with ema, nesterov %s', (nesterov) =>
    expectRule(
      (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, ema: true, nesterov }),
      [3, 4],
      literal(0.1, 0.9, 1 - 0.9, nesterov),
    ),
  );
});

describe('Muon', () => {
  type Matrix = readonly (readonly number[])[];
  const times = (a: Matrix, b: Matrix): number[][] =>
    a.map((row) => b[0]!.map((_, j) => row.reduce((dot, x, k) => dot + x * b[k]![j]!, 0)));
  const transposed = (a: Matrix): number[][] => a[0]!.map((_, j) => a.map((row) => row[j]!));
  const combine = (a: number, x: Matrix, b: number, y: Matrix): number[][] =>
    x.map((row, i) => row.map((value, j) => a * value + b * y[i]![j]!));

  /** Five steps of X ← a X + (b X Xᵀ + c (X Xᵀ)²) X on the rows, or on the columns when these are fewer. */
  function newtonSchulz(g: Matrix): number[][] {
    if (g.length > g[0]!.length) return transposed(newtonSchulz(transposed(g)));
    const norm = Math.max(Math.hypot(...g.flat()), 1e-7);
    let x = g.map((row) => row.map((value) => value / norm));
    for (let step = 0; step < 5; step++) {
      const gram = times(x, transposed(x));
      x = combine(3.4445, x, 1, times(combine(-4.775, gram, 2.0315, times(gram, gram)), x));
    }
    return x;
  }

  const literal = (
    rows: number,
    columns: number,
    options: { momentum?: number; nesterov?: boolean; decay?: number; scale: number },
  ): Rule => {
    const { momentum = 0.95, nesterov = true, decay = 0.1, scale } = options;
    const m = zeros(rows * columns);
    return (p, g) => {
      const direction = m.map((_, i) => {
        m[i] = momentum * m[i]! + (1 - momentum) * g[i]!;
        return nesterov ? momentum * m[i]! + (1 - momentum) * g[i]! : m[i]!;
      });
      const matrix = Array.from({ length: rows }, (_, i) => direction.slice(i * columns, (i + 1) * columns));
      const o = newtonSchulz(matrix).flat();
      for (let i = 0; i < p.length; i++) p[i] = p[i]! * (1 - 0.05 * decay) - 0.05 * scale * o[i]!;
    };
  };

  test('orthogonalises the momentum of a wide matrix', () =>
    expectRule((params) => new optim.Muon(params, { lr: 0.05 }), [4, 6], literal(4, 6, { scale: 1 })));
  test('makes longer steps for a tall matrix', () =>
    expectRule(
      (params) => new optim.Muon(params, { lr: 0.05 }),
      [9, 4],
      literal(9, 4, { scale: Math.sqrt(9 / 4) }),
    ));
  test('takes a weight of a convolution as a matrix [out, in h w], and all options', () =>
    expectRule(
      (params) =>
        new optim.Muon(params, {
          lr: 0.05,
          momentum: 0.8,
          nesterov: false,
          weightDecay: 0,
          adjustLr: 'matchRmsAdamW',
        }),
      [5, 2, 3, 3],
      literal(5, 18, { momentum: 0.8, nesterov: false, decay: 0, scale: 0.2 * Math.sqrt(18) }),
    ));

  test('leaves a zero gradient at zero', async () => {
    const p = new Parameter([2, 3], nn.init.constantInit(1), { name: 'p' });
    const optimizer = new optim.Muon([p], { lr: 0.1, weightDecay: 0 });
    const step = await compile(device, {}, () => ({
      outputs: {},
      updates: optimizer.update([fill(0, [2, 3])]),
    }));
    await step({});
    expect([...(await p.read(device))]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('shares a step with the optimizer of the other parameters', async () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.Flatten(), new nn.Linear(8, 1));
    const isMatrix = (p: Parameter) => p.rank > 1;
    const muon = new optim.Muon(model.parameters().filter(isMatrix), { lr: 0.02 });
    const adam = new optim.AdamW(
      model.parameters().filter((p) => !isMatrix(p)),
      { lr: 0.02 },
    );
    const step = await compile(device, { x: f32(5, 1, 4, 4) }, ({ x }) => {
      const loss = sum(square(add(model.forward(x), 1)));
      const grads = grad(loss, [...muon.params, ...adam.params]);
      const split = muon.params.length;
      return {
        outputs: { loss },
        updates: [...muon.update(grads.slice(0, split)), ...adam.update(grads.slice(split))],
      };
    });
    const x = normals(80, 'images');
    const losses = [];
    for (let t = 0; t < 30; t++) losses.push(await (await step({ x })).loss.item());
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 5);
  });
});

describe('a group with options of its own equals an optimizer of its own', () => {
  type AnyOptimizer = optim.Optimizer<optim.OptimizerOptions>;
  type OptimizerClass<O extends optim.OptimizerOptions> = new (
    params: readonly Parameter[] | readonly optim.ParameterGroup<O>[],
    options: O,
  ) => AnyOptimizer;

  const both = <O extends optim.OptimizerOptions>(
    Class: OptimizerClass<O>,
    base: NoInfer<O>,
    own: NoInfer<Partial<O>>,
  ) => ({
    name: Class.name,
    together: (a: Parameter, b: Parameter): AnyOptimizer[] => [
      new Class([{ params: [a] }, { params: [] }, { params: [b], options: own }], base),
    ],
    apart: (a: Parameter, b: Parameter): AnyOptimizer[] => [
      new Class([a], base),
      new Class([b], { ...base, ...own }),
    ],
  });
  const rate = (step: number) => 0.1 / (1 + step);

  test.each([
    both(
      optim.SGD,
      { lr: 0.1, momentum: 0.5 },
      { lr: rate, momentum: 0.9, nesterov: true, weightDecay: 0.1 },
    ),
    both(optim.Adam, { lr: 0.1 }, { betas: [0.5, 0.7], eps: 0.1, weightDecay: 0.1, epsInsideSqrt: true }),
    both(optim.AdamW, { lr: rate }, { lr: 0.2, betas: [0.5, 0.7], weightDecay: 0.5 }),
    both(
      optim.RMSprop,
      { lr: 0.1 },
      { alpha: 0.5, eps: 0.1, momentum: 0.5, centered: true, weightDecay: 0.1 },
    ),
    both(optim.Adagrad, { lr: 0.1 }, { eps: 0.1, initialAccumulatorValue: 1, weightDecay: 0.1 }),
    both(optim.Lion, { lr: 0.1 }, { lr: rate, betas: [0.5, 0.7], weightDecay: 0.1 }),
    both(optim.Muon, { lr: 0.1 }, { momentum: 0.5, nesterov: false, weightDecay: 0, steps: 3 }),
  ])('$name', async ({ together, apart }) => {
    const run = async (make: (a: Parameter, b: Parameter) => AnyOptimizer[]) => {
      const [a, b] = ['a', 'b'].map(
        (name) => new Parameter([3, 4], nn.init.values(normals(12, name)), { name }),
      ) as [Parameter, Parameter];
      const optimizers = make(a, b);
      const step = await compile(device, { ga: f32(3, 4), gb: f32(3, 4) }, ({ ga, gb }) => ({
        outputs: {},
        updates:
          optimizers.length === 1
            ? optimizers[0]!.update([ga, gb])
            : [...optimizers[0]!.update([ga]), ...optimizers[1]!.update([gb])],
      }));
      for (let t = 0; t < 3; t++) await step({ ga: normals(12, `ga${t}`), gb: normals(12, `gb${t}`) });
      step.release();
      return { a: await a.read(device), b: await b.read(device) };
    };
    const got = await run(together);
    expect(got).toEqual(await run(apart));
    expect(got.a).not.toEqual(normals(12, 'a'));
    expect(got.b).not.toEqual(normals(12, 'b'));
  });
});
