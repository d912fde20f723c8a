import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  analysis,
  ArgumentError,
  compile,
  constant,
  cpu,
  data,
  f32,
  grad,
  HostRandom,
  linear,
  mul,
  nn,
  optim,
  Parameter,
  relu,
  square,
  type Tensor,
} from '../../src/index.ts';

const { autocorrelation, biasVariance, inputGradients, linearPieces, linearRegions } = analysis;
type Layer = analysis.AffineLayer;

/** Layers of these widths with normal weights and biases. */
function randomLayers(widths: readonly number[], seed: number): Layer[] {
  const random = new HostRandom(seed, 'layers');
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  return widths.slice(1).map((width, i) => ({ weight: normals(width * widths[i]!), bias: normals(width) }));
}

/** The network's outputs, and its hidden units that are on, by plain loops. */
function evaluate(layers: readonly Layer[], x: readonly number[]): { outputs: number[]; pattern: string } {
  let h = [...x];
  let pattern = '';
  layers.forEach(({ weight, bias }, l) => {
    const z = Array.from(bias, (b, j) =>
      h.reduce((total, value, i) => total + weight[j * h.length + i]! * value, b),
    );
    if (l < layers.length - 1) pattern += z.map((value) => (value > 0 ? 1 : 0)).join('');
    h = l < layers.length - 1 ? z.map((value) => Math.max(0, value)) : z;
  });
  return { outputs: h, pattern };
}

const joints = (pieces: readonly analysis.LinearPiece[]) => pieces.slice(1).map(({ from }) => from);

/**
 * K layers that fold the line: each piece of a layer covers all joints of the next, so that pieces multiply. Three units
 * suffice, and fewer do not: with slopes 4, −4, 4, −8 the units that are on left of all joints can have the slope 4.
 */
function folding(depth: number): Layer[] {
  // relu(x − 1/4), relu(1/2 − x), relu(3/4 − x): jumps of −8, 8 and −12 in the slope of −8 a + 8 b − 12 c
  const [weight, bias] = [
    [1, -1, -1],
    [-0.25, 0.5, 0.75],
  ];
  const mix = [-8, 8, -12];
  // left of 1/4 the mix is −8 x + 12 x + … = 4 x + 4 − 9, and 1 at the joint
  const shift = 1 - (mix[1]! * 0.25 + mix[2]! * 0.5);
  const inner: Layer = {
    weight: weight!.flatMap((w) => mix.map((m) => w * m)),
    bias: bias!.map((b, j) => b + weight![j]! * shift),
  };
  return [
    { weight: weight!, bias: bias! },
    ...new Array<Layer>(depth - 1).fill(inner),
    { weight: mix, bias: [shift] },
  ];
}

describe('linearPieces', () => {
  test('of |x| and a constant are two and one', () => {
    const absolute: Layer[] = [
      { weight: [1, -1], bias: [0, 0] },
      { weight: [1, 1], bias: [2] },
    ];
    expect(linearPieces(absolute)).toEqual([
      { from: -Infinity, to: 0, slopes: Float64Array.of(-1), offsets: Float64Array.of(2) },
      { from: 0, to: Infinity, slopes: Float64Array.of(1), offsets: Float64Array.of(2) },
    ]);
    expect(
      linearPieces([
        { weight: [0, 0], bias: [1, -1] },
        { weight: [3, 4], bias: [0] },
      ]),
    ).toEqual([{ from: -Infinity, to: Infinity, slopes: Float64Array.of(0), offsets: Float64Array.of(3) }]);
    expect(linearPieces([{ weight: [3], bias: [1] }])).toHaveLength(1);
  });

  test('do not count a joint that no output shows', () => {
    // the second unit has no way out, the third and fourth cancel
    const layers: Layer[] = [
      { weight: [1, 1, 0.1, 0.3], bias: [0, -1, -0.2, -0.6] },
      { weight: [1, 0, 0.3, -0.1], bias: [0] },
    ];
    expect(joints(linearPieces(layers))).toEqual([0]);
  });

  test('of one hidden layer are D + 1, with a joint where each unit passes 0', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(1000), (width, seed) => {
        const layers = randomLayers([1, width, 1], seed);
        const { weight, bias } = layers[0]!;
        const expected = Array.from(bias, (b, j) => -b / weight[j]!).sort((a, b) => a - b);
        const found = joints(linearPieces(layers));
        expect(found).toHaveLength(width);
        found.forEach((joint, i) => expect(joint).toBeCloseTo(expected[i]!, 10));
      }),
    );
  });

  test('of K layers are at most (D + 1)ᴷ, and as many where the layers fold the line', () => {
    for (const depth of [1, 2, 3, 4]) expect(linearPieces(folding(depth))).toHaveLength(4 ** depth);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(1000),
        (width, depth, seed) => {
          const layers = randomLayers([1, ...new Array<number>(depth).fill(width), 1], seed);
          expect(linearPieces(layers).length).toBeLessThanOrEqual((width + 1) ** depth);
        },
      ),
    );
  });

  test('give the values of the network and continue each other, over any range', () => {
    fc.assert(
      fc.property(fc.nat(1000), (seed) => {
        const layers = randomLayers([1, 6, 5, 4, 2], seed);
        const pieces = linearPieces(layers);
        expect([pieces[0]!.from, pieces.at(-1)!.to]).toEqual([-Infinity, Infinity]);
        for (const [i, { from, to, slopes, offsets }] of pieces.entries()) {
          // a network whose first layer is dead has one piece, the whole line
          const start = Number.isFinite(from) ? from : Math.min(to, 1) - 1;
          const inside = Number.isFinite(to) ? (start + to) / 2 : start + 1;
          evaluate(layers, [inside]).outputs.forEach((y, o) =>
            expect(slopes[o]! * inside + offsets[o]!).toBeCloseTo(y, 8),
          );
          const next = pieces[i + 1];
          if (!next) continue;
          expect(next.from).toBe(to);
          slopes.forEach((slope, o) =>
            expect(slope * to + offsets[o]!).toBeCloseTo(next.slopes[o]! * to + next.offsets[o]!, 7),
          );
        }
        const part = linearPieces(layers, { range: [-0.5, 0.7] });
        expect(joints(part)).toEqual(joints(pieces).filter((x) => x > -0.5 && x < 0.7));
        expect([part[0]!.from, part.at(-1)!.to]).toEqual([-0.5, 0.7]);
      }),
    );
  });

  test('have their joints in the same places for all outputs', () => {
    const [first, second, last] = randomLayers([1, 6, 5, 3], 8);
    const together = joints(linearPieces([first!, second!, last!]));
    expect(together.length).toBeGreaterThan(6);
    for (let o = 0; o < 3; o++) {
      const alone = { weight: Array.from(last!.weight).slice(5 * o, 5 * o + 5), bias: [last!.bias[o]!] };
      expect(joints(linearPieces([first!, second!, alone]))).toEqual(together);
    }
  });

  test.each([
    ['no layers', [], {}, 'expected at least one layer, got none'],
    [
      'two inputs',
      randomLayers([2, 3, 1], 1),
      {},
      'expected layer 0 with weight [out, 1] and bias [out], got 6 and 3',
    ],
    [
      'layers that do not fit',
      [...randomLayers([1, 3], 1), ...randomLayers([4, 1], 1)],
      {},
      'expected layer 1 with weight [out, 3] and bias [out], got 4 and 1 elements',
    ],
    ['NaN', [{ weight: [NaN], bias: [0] }], {}, 'expected finite numbers in layer 0, got NaN'],
    ['an empty range', randomLayers([1, 1], 1), { range: [1, 1] as const }, 'expected a range [low, high]'],
  ])('refuse %s', (_, layers, options, message) => {
    expect(() => linearPieces(layers, options)).toThrow(ArgumentError);
    expect(() => linearPieces(layers, options)).toThrow(`linearPieces: ${message}`);
  });
});

/** Area of a polygon whose corners turn left, negative where they turn right (shoelace formula). */
const area = (polygon: readonly (readonly [number, number])[]) =>
  polygon.reduce((total, [x, y], i) => {
    const [nextX, nextY] = polygon[(i + 1) % polygon.length]!;
    return total + (x * nextY - y * nextX) / 2;
  }, 0);

describe('linearRegions', () => {
  test('of lines through a square are its parts', () => {
    // x > 0, y > 0, x + y > 1
    const layers: Layer[] = [
      { weight: [1, 0, 0, 1, 1, 1], bias: [0, 0, -1] },
      { weight: [1, 1, 1], bias: [0] },
    ];
    const regions = linearRegions(layers);
    expect(regions.map(({ pattern }) => pattern).sort()).toEqual(['000', '010', '100', '110', '111']);
    const corner = regions.find(({ pattern }) => pattern === '111')!;
    expect(area(corner.polygon)).toBeCloseTo(0.5, 12);
    // a line along the side of the square cuts nothing off
    expect(
      linearRegions([
        { weight: [1, 0], bias: [-1] },
        { weight: [1], bias: [0] },
      ]),
    ).toHaveLength(1);
  });

  test('are convex, cover the rectangle, and are where their units are on', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.constantFrom([2, 6, 1], [2, 4, 4, 2], [2, 3, 3, 3, 1]), (seed, widths) => {
        const layers = randomLayers(widths, seed);
        const regions = linearRegions(layers, { s: [-1, 2], t: [0, 3] });
        expect(regions.reduce((total, { polygon }) => total + area(polygon), 0)).toBeCloseTo(9, 8);
        expect(new Set(regions.map(({ pattern }) => pattern)).size).toBe(regions.length);
        for (const { polygon, pattern } of regions) {
          polygon.forEach((corner, i) => {
            const triangle = [corner, polygon[(i + 1) % polygon.length]!, polygon[(i + 2) % polygon.length]!];
            expect(area(triangle)).toBeGreaterThan(-1e-9);
          });
          const middle = [0, 1].map((axis) => polygon.reduce((sum, p) => sum + p[axis]!, 0) / polygon.length);
          if (area(polygon) > 1e-6) expect(evaluate(layers, middle).pattern).toBe(pattern);
        }
        // every pattern of a grid is among them
        const known = new Set(regions.map(({ pattern }) => pattern));
        for (let i = 0; i < 400; i++) {
          const point = [-1 + ((i % 20) + 0.5) * 0.15, (Math.floor(i / 20) + 0.5) * 0.15];
          expect(known).toContain(evaluate(layers, point).pattern);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('of a shallow network are between 2² and 2ᴰ, and at most 1 + D + D (D − 1) / 2', () => {
    const wide = { s: [-1e3, 1e3], t: [-1e3, 1e3] } as const;
    for (let width = 2; width <= 8; width++) {
      const count = linearRegions(randomLayers([2, width, 1], width), wide).length;
      expect(count).toBeGreaterThanOrEqual(4);
      expect(count).toBeLessThanOrEqual(2 ** width);
      // random lines all cross each other, in a rectangle that is wide enough
      expect(count).toBe(1 + width + (width * (width - 1)) / 2);
    }
  });

  test('lie in a plane of a larger input space', () => {
    const layers = randomLayers([5, 7, 4, 1], 3);
    const plane = { origin: [0, 1, -1, 0.5, 2], u: [1, 0, 2, 0, 0], v: [0, 1, 0, -1, 0.5] };
    const regions = linearRegions(layers, { plane });
    expect(regions.length).toBeGreaterThan(4);
    for (const { polygon, pattern } of regions.filter(({ polygon }) => area(polygon) > 1e-6)) {
      const [s, t] = [0, 1].map((axis) => polygon.reduce((sum, p) => sum + p[axis]!, 0) / polygon.length);
      const point = plane.origin.map((o, i) => o + s! * plane.u[i]! + t! * plane.v[i]!);
      expect(evaluate(layers, point).pattern).toBe(pattern);
    }
    expect(() => linearRegions(layers)).toThrow(
      'linearRegions: expected layer 0 with weight [out, 2] and bias [out], got 35 and 7 elements',
    );
    expect(() => linearRegions(layers, { plane: { ...plane, u: [1] } })).toThrow(
      'linearRegions: expected origin, u and v of one length, got [5,1,5]',
    );
    expect(() => linearRegions(layers, { plane, s: [1, 0] })).toThrow(
      'linearRegions: expected sides [low, high] with low < high, got [[1,0],[-1,1]]',
    );
  });
});

/** Largest error on [−π, π] of a network with `width` hidden ReLUs trained to be sin x, and its layers. */
async function approximation(width: number): Promise<{ error: number; layers: Layer[] }> {
  const points = 64;
  const x = Float32Array.from({ length: points }, (_, i) => -Math.PI + (2 * Math.PI * i) / (points - 1));
  const y = x.map(Math.sin);
  const device = cpu();
  const model = new nn.Sequential(new nn.Linear(1, width), new nn.ReLU(), new nn.Linear(width, 1));
  const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(0.03, 600) });
  const step = await compile(device, { x: f32(points, 1), y: f32(points, 1) }, (batch) => {
    const prediction = model.forward(batch.x);
    const loss = nn.mse(prediction, batch.y);
    return { outputs: { prediction }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  for (let i = 0; i < 600; i++) await step({ x, y });
  const prediction = await (await step({ x, y })).prediction.data();
  const state = await model.readState(device);
  const layers = ['0', '2'].map((l) => ({
    weight: state.get(`${l}.weight`)!,
    bias: state.get(`${l}.bias`)!,
  }));
  return { error: Math.max(...prediction.map((value, i) => Math.abs(value - y[i]!))), layers };
}

test('the error of approximating a continuous function falls as the layer gets wider', {
  timeout: 60_000,
}, async () => {
  const widths = [1, 4, 32];
  const results = [];
  for (const width of widths) results.push(await approximation(width));
  const [one, four, many] = results.map(({ error }) => error);
  // One ReLU can do no better than a flat and a sloping part.
  expect(one).toBeGreaterThan(0.4);
  expect(four).toBeLessThan(one! / 2);
  expect(many).toBeLessThan(four! / 2);
  expect(many).toBeLessThan(0.05);
  results.forEach(({ layers }, i) => expect(linearPieces(layers).length).toBeLessThanOrEqual(widths[i]! + 1));
});

describe('biasVariance', () => {
  const SIGMA = 0.3;
  const truth = (x: number) => Math.sin(2 * x);
  const at = Float64Array.from({ length: 21 }, (_, i) => -1.5 + 0.15 * i);
  const targets = Array.from({ length: 200 }, (_, draw) => {
    const random = new HostRandom(draw, 'targets');
    return at.map((x) => truth(x) + SIGMA * random.normal());
  });

  /** The mean of the k nearest samples: flexible for small k, smooth for large k. */
  const nearest = (k: number) => (dataset: data.Dataset<{ x: Float32Array; y: Float32Array }>) => {
    const { x, y } = dataset.columns;
    return at.map((point) => {
      const order = Array.from(x, (value, i) => [Math.abs(value - point), y[i]!] as const);
      const closest = order.sort(([a], [b]) => a - b).slice(0, k);
      return closest.reduce((total, [, value]) => total + value, 0) / k;
    });
  };
  const study = (k: number, resample?: data.Dataset<{ x: Float32Array; y: Float32Array }>) =>
    biasVariance({
      runs: 60,
      sample: (run) =>
        resample?.bootstrap({ seed: run }) ??
        data.heteroscedastic({ rows: 80, seed: run, mean: truth, sigma: () => SIGMA }).select('x', 'y'),
      train: nearest(k),
      targets,
    });

  test('splits the error into parts that add up', async () => {
    for (const k of [1, 10]) {
      const { error, bias2, variance, noise, perPoint } = await study(k);
      expect(bias2 + variance + noise).toBeCloseTo(error, 12);
      const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / at.length;
      expect([mean(perPoint.bias2), mean(perPoint.variance), mean(perPoint.noise)]).toEqual([
        expect.closeTo(bias2, 12) as number,
        expect.closeTo(variance, 12) as number,
        expect.closeTo(noise, 12) as number,
      ]);
    }
  });

  test('finds the noise, the variance of flexible models, and the bias of stiff ones', async () => {
    const [flexible, middle, stiff] = [await study(1), await study(10), await study(60)];
    expect(flexible.noise).toBeCloseTo(SIGMA ** 2, 2);
    // the mean of k samples has a variance of σ² / k, and of a little more since the neighbours vary too
    expect(flexible.variance).toBeGreaterThan(0.9 * SIGMA ** 2);
    expect(middle.variance).toBeGreaterThan(SIGMA ** 2 / 10);
    expect(middle.variance).toBeLessThan(flexible.variance / 4);
    expect(stiff.variance).toBeLessThan(middle.variance);
    expect(flexible.bias2).toBeLessThan(0.01);
    expect(stiff.bias2).toBeGreaterThan(0.1);
    expect(middle.error).toBeLessThan(Math.min(flexible.error, stiff.error));
  });

  test('of bootstrap draws from one data set takes its samples for the truth', async () => {
    const dataset = data
      .heteroscedastic({ rows: 80, seed: 1, mean: truth, sigma: () => SIGMA })
      .select('x', 'y');
    const { variance, error, bias2, noise } = await study(10, dataset);
    expect(variance).toBeGreaterThan(0);
    expect(bias2 + variance + noise).toBeCloseTo(error, 12);
  });

  test('waits for trainings and hands them their run', async () => {
    const seen: number[] = [];
    const result = await biasVariance({
      runs: 2,
      sample: (run) => 10 * run,
      train: async (dataset, run) => {
        await Promise.resolve();
        seen.push(dataset, run);
        return [run, 5];
      },
      targets: [[1, 5]],
    });
    expect(seen).toEqual([0, 0, 10, 1]);
    expect(result).toEqual({
      error: 0.25,
      bias2: 0.125,
      variance: 0.125,
      noise: 0,
      perPoint: {
        bias2: Float64Array.of(0.25, 0),
        variance: Float64Array.of(0.25, 0),
        noise: new Float64Array(2),
      },
    });
  });

  test.each([
    ['one run', { runs: 1 }, 'expected at least 2 runs, got 1'],
    ['no targets', { targets: [] }, 'expected targets at one test point or more, got none'],
    ['targets of different lengths', { targets: [[1], [1, 2]] }, 'expected 1 targets, got 2'],
    ['too few predictions', { train: () => [] }, 'expected 1 predictions of run 0, got 0'],
    ['predictions that are NaN', { train: () => [NaN] }, 'expected finite predictions of run 0, got NaN'],
  ])('refuses %s', async (_, options, message) => {
    const all = { runs: 2, sample: () => null, train: () => [1], targets: [[1]], ...options };
    await expect(biasVariance(all)).rejects.toThrow(ArgumentError);
    await expect(biasVariance(all)).rejects.toThrow(`biasVariance: ${message}`);
  });
});

describe('input gradients', () => {
  test('are those of each sample by itself', async () => {
    const weight = constant([1, 2, 3, 4], [2, 2]);
    const f = (x: Tensor) => square(add(mul(x, weight), 1));
    const step = await compile(cpu(), { x: f32(2, 2) }, ({ x }) => ({
      outputs: { g: inputGradients(f, x) },
    }));
    const g = await (await step({ x: Float32Array.of(1, 0, 2, -1) })).g.data();
    // 2 w (w x + 1)
    expect([...g]).toEqual([4, 4, 42, -24]);
  });

  test('autocorrelation is 1, falls with the distance, and is negative for opposite values', () => {
    expect([...autocorrelation([1, -1, 1, -1], { points: 4, maxLag: 3 })]).toEqual([1, -0.75, 0.5, -0.25]);
    // two components, one of them constant
    expect([...autocorrelation([1, 7, 2, 7, 3, 7], { points: 3, maxLag: 2 })]).toEqual([1, 0, -0.5]);
  });

  test.each([
    [[1, 2, 3], { points: 2, maxLag: 1 }, 'expected rows at 2 points or more, got 3 elements at 2'],
    [[1], { points: 1, maxLag: 0 }, 'expected rows at 2 points or more, got 1 elements at 1'],
    [[1, 2], { points: 2, maxLag: 2 }, 'expected maxLag from 0 to 1, got 2'],
    [[1, 1], { points: 2, maxLag: 1 }, 'expected finite values that are not all equal, got variance 0'],
    [[1, NaN], { points: 2, maxLag: 1 }, 'expected finite values that are not all equal, got variance NaN'],
  ])('autocorrelation refuses %j with %j', (values, options, message) => {
    expect(() => autocorrelation(values, options)).toThrow(ArgumentError);
    expect(() => autocorrelation(values, options)).toThrow(`autocorrelation: ${message}`);
  });

  const [POINTS, WIDTH, NETWORKS] = [96, 32, 6];

  /** x [n, 1] → [n, 1] through `depth` layers as they are initialised: plain, or residual with branches scaled by 0.3. */
  class Deep extends nn.Module {
    readonly first = new Parameter([WIDTH, 1], nn.init.normalInit());
    readonly bias = new Parameter([WIDTH], nn.init.normalInit());
    readonly hidden: Parameter[];
    readonly last = new Parameter([1, WIDTH], nn.init.normalInit());
    readonly #isResidual: boolean;

    constructor(depth: number, isResidual: boolean) {
      super();
      this.hidden = Array.from(
        { length: depth },
        () => new Parameter([WIDTH, WIDTH], nn.init.kaimingNormal()),
      );
      this.#isResidual = isResidual;
    }

    forward(x: Tensor): Tensor {
      let h = linear(x, this.first, this.bias);
      for (const weight of this.hidden) {
        const branch = linear(relu(h), weight);
        h = this.#isResidual ? add(h, mul(branch, 0.3)) : branch;
      }
      return linear(relu(h), this.last);
    }
  }

  /** Mean correlation of the gradients at neighbouring inputs. */
  async function gradientCorrelation(depth: number, isResidual: boolean): Promise<number> {
    const x = Float32Array.from({ length: POINTS }, (_, i) => -2 + (4 * i) / (POINTS - 1));
    let total = 0;
    for (let seed = 0; seed < NETWORKS; seed++) {
      const model = new Deep(depth, isResidual);
      model.parameters(); // names them, so that the seed alone fixes their values
      const step = await compile(
        cpu(),
        { x: f32(POINTS, 1) },
        (input) => ({ outputs: { g: inputGradients((h) => model.forward(h), input.x) } }),
        { seed },
      );
      const g = await (await step({ x })).g.data();
      total += autocorrelation(g, { points: POINTS, maxLag: 1 })[1]!;
    }
    return total / NETWORKS;
  }

  test('shatter with the depth of a plain network, much less with that of a residual one', {
    timeout: 60_000,
  }, async () => {
    const [shallow, deeper, deep] = [
      await gradientCorrelation(1, false),
      await gradientCorrelation(8, false),
      await gradientCorrelation(24, false),
    ];
    expect(shallow).toBeGreaterThan(0.88);
    expect(deeper).toBeLessThan(shallow - 0.03);
    expect(deep).toBeLessThan(deeper - 0.05);
    expect(deep).toBeLessThan(0.8);
    expect(await gradientCorrelation(24, true)).toBeGreaterThan(0.85);
  });
});
