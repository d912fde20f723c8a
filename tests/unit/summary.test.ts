import { describe, expect, test } from 'vitest';
import { analysis, compile, cpu, f32, fill, grad, nn, slice, sum, type Tensor } from '../../src/index.ts';

const relus = (k: number, d: number, inputs: number, outputs: number) =>
  new nn.Sequential(
    ...Array.from({ length: k }, (_, i): nn.Module[] => [
      new nn.Linear(i === 0 ? inputs : d, d),
      new nn.ReLU(),
    ]).flat(),
    new nn.Linear(d, outputs),
  );

describe('parameter counts of notes 1.4, with K − 1 blocks between K hidden layers', () => {
  test.each([
    [1, 5, 3, 2],
    [2, 7, 1, 1],
    [3, 4, 6, 10],
    [5, 1, 2, 3],
  ])('K = %i, D = %i, %i inputs, %i outputs', (k, d, inputs, outputs) => {
    const { trainable, fixed } = analysis.summary(relus(k, d, inputs, outputs), [1, inputs]);
    expect(trainable).toBe(inputs * d + d + (k - 1) * (d * d + d) + d * outputs + outputs);
    expect(fixed).toBe(0);
  });

  test.each([1, 2, 3, 8])('3 D + 1 + (K − 1) D (D + 1) for one input and one output, K = %i', (k) => {
    for (const d of [1, 2, 9])
      expect(analysis.summary(relus(k, d, 1, 1), [1, 1]).trainable).toBe(3 * d + 1 + (k - 1) * d * (d + 1));
  });
});

test('running statistics are fixed, and recurrent layers say that they have two biases', () => {
  const norm = analysis.summary(new nn.BatchNorm2d(7), [1, 7, 2, 2]);
  expect(norm).toMatchObject({ trainable: 14, fixed: 14 });
  const both = analysis.summary(
    new nn.Sequential(new nn.GRU(3, 5), new nn.GRU(5, 2, { bias: false })),
    [1, 4, 3],
  );
  expect(both.trainable).toBe(3 * 5 * (3 + 5 + 2) + 3 * 2 * (5 + 2));
  expect(both.toString()).toMatchInlineSnapshot(`
    "module   type        output     parameters
    (model)  Sequential  [1, 4, 2]           0
    0        GRU         [1, 4, 5]         150
    1        GRU         [1, 4, 2]          42
    192 trainable parameters, 0 fixed
    0 (GRU): two biases per gate, as in PyTorch"
  `);
  expect(analysis.summary(new nn.LSTMCell(2, 3), [1, 2]).rows[0]!.note).toContain('two biases');
});

test('trainable and fixed parameters are counted apart, for each layer and in total', () => {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 2));
  const summary = analysis.summary(model, [5, 3]);
  expect(summary.rows.map(({ trainable, fixed }) => [trainable, fixed])).toEqual([
    [0, 0],
    [3 * 4 + 4, 0],
    [4 + 4, 4 + 4],
    [4 * 2 + 2, 0],
  ]);
  const size = (trainable: boolean) =>
    [...model.state().values()].filter((p) => p.trainable === trainable).reduce((n, p) => n + p.size, 0);
  expect([summary.trainable, summary.fixed]).toEqual([size(true), size(false)]);
  expect(summary.toString()).toMatchInlineSnapshot(`
    "module   type         output  trainable  fixed
    (model)  Sequential   [5, 2]          0      0
    0        Linear       [5, 4]         16      0
    1        BatchNorm1d  [5, 4]          8      8
    2        Linear       [5, 2]         10      0
    34 trainable parameters, 8 fixed"
  `);
});

test('a parameter that two modules share counts once in the total', () => {
  const shared = new nn.Linear(3, 3);
  const { rows, trainable } = analysis.summary(new nn.Sequential(shared, new nn.ReLU(), shared), [1, 3]);
  expect(trainable).toBe(12);
  expect(rows.map((row) => row.trainable)).toEqual([0, 12, 0, 12]);
});

/**
 * What the outputs along the last axis see, found by differentiating each by the input: the most elements from the first
 * to the last, and how far that moves from one output to the next on average.
 */
async function measured(model: nn.Module, shape: readonly number[]) {
  const length = shape.at(-1)!;
  const outputs = model.forward(fill(0, shape)).shape.at(-1)!;
  const step = await compile(cpu({ storage: 'f64' }), { x: f32(...shape) }, ({ x }) => {
    const y = model.forward(x);
    const gradients = Array.from({ length: outputs }, (_, i) => {
      const [g] = grad(sum(slice(y, [...y.shape.slice(1).map(() => null), [i, i + 1]])), [x]);
      return [i, g!] as const;
    });
    return { outputs: Object.fromEntries(gradients) as Record<string, Tensor> };
  });
  const results = await step({ x: new Float32Array(length) });
  const spans: [first: number, last: number][] = [];
  // Away from the borders, which cut fields off.
  for (let i = Math.ceil(outputs / 4); i < outputs * 0.75; i++) {
    const g = await results[i]!.data();
    const seen = [...g.keys()].filter((at) => g[at] !== 0);
    spans.push([seen[0]!, seen.at(-1)!]);
  }
  const size = Math.max(...spans.map(([first, last]) => last - first + 1));
  const centre = ([first, last]: readonly [number, number]) => (first + last) / 2;
  return { size, jump: (centre(spans.at(-1)!) - centre(spans[0]!)) / (spans.length - 1) };
}

const conv = (kernel: number, options: { stride?: number; dilation?: number; padding?: number } = {}) => {
  const { stride = 1, dilation = 1, padding = 0 } = options;
  return new nn.Conv2d(1, 1, [1, kernel], {
    stride: [1, stride],
    dilation: [1, dilation],
    padding: [0, padding],
  });
};
const transposed = (kernel: number, stride: number, dilation = 1) =>
  new nn.ConvTranspose2d(1, 1, [1, kernel], { stride: [1, stride], dilation: [1, dilation] });

describe('receptive fields', () => {
  test.each<[name: string, field: number, jump: number, model: nn.Module, shape?: number[]]>([
    ['one convolution', 3, 1, new nn.Sequential(conv(3))],
    ['two convolutions', 7, 1, new nn.Sequential(conv(3), conv(5))],
    [
      'strides',
      3 + 2 * 2 + 4 * 3,
      4,
      new nn.Sequential(conv(3, { stride: 2 }), conv(3, { stride: 2 }), conv(4)),
    ],
    [
      'dilation and padding',
      3 + 2 * 4,
      2,
      new nn.Sequential(conv(3, { dilation: 1, stride: 2 }), conv(3, { dilation: 2, padding: 2 })),
    ],
    [
      'pooling',
      5 + 2 + 6 * 2,
      6,
      new nn.Sequential(conv(5), new nn.AvgPool2d([1, 3]), conv(3, { stride: 2 }), conv(2)),
      [1, 1, 1, 300],
    ],
    [
      'repeated elements',
      3,
      1,
      new nn.Sequential(conv(3, { stride: 2 }), new nn.Upsample({ scale: [1, 2] })),
    ],
    [
      'blended elements',
      3 + 2,
      1,
      new nn.Sequential(conv(3, { stride: 2 }), new nn.Upsample({ scale: [1, 2], mode: 'bilinear' })),
    ],
    ['a transposed convolution', 2, 0.5, new nn.Sequential(transposed(4, 2))],
    ['a transposed convolution without overlap', 1, 1 / 3, new nn.Sequential(transposed(3, 3))],
    [
      'an hourglass',
      3 + 2 * 2 + 4 * 1 + 2 * 2,
      2,
      new nn.Sequential(conv(3, { stride: 2 }), conv(3, { stride: 2 }), transposed(4, 2), conv(3)),
    ],
    [
      'a residual connection',
      9,
      1,
      new nn.Sequential(new nn.Residual(new nn.Sequential(conv(5, { padding: 2 }), conv(5, { padding: 2 })))),
    ],
    [
      'sequences',
      3 + 4,
      2,
      new nn.Sequential(new nn.Conv1d(1, 1, 3, { stride: 2 }), new nn.Conv1d(1, 1, 3)),
      [1, 1, 120],
    ],
  ])('of %s are as the gradient sees them', async (_, field, jump, model, shape = [1, 1, 1, 120]) => {
    const { rows } = analysis.summary(model, shape);
    const found = { size: rows[0]!.receptiveField!.at(-1), jump: rows[0]!.jump!.at(-1) };
    expect(found).toEqual({ size: field, jump });
    const seen = await measured(model, shape);
    expect(seen.size).toBe(field);
    // Fields of upsampled neighbours differ in size, which moves the first and the last centre a little.
    expect(Math.abs(seen.jump - jump)).toBeLessThan(0.1);
  });

  test('count both axes, and go through norms, activations, groups of channels and joins', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 4, [3, 5], { stride: [2, 1] }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.GroupNorm(2, 4),
      new nn.MaxPool2d(2),
      new nn.GELU(),
      new nn.Conv2d(4, 4, 3, { dilation: [1, 2] }),
    );
    expect(analysis.summary(model, [1, 1, 28, 28]).rows.map(({ receptiveField }) => receptiveField)).toEqual([
      [13, 14],
      [3, 5],
      [3, 5],
      [3, 5],
      [3, 5],
      [5, 6],
      [5, 6],
      [13, 14],
    ]);
  });

  test('are printed up to where an output sees the whole image', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1 }),
      new nn.ReLU(),
      new nn.Upsample({ scale: 3 }),
      new nn.GlobalAvgPool2d(),
      new nn.Flatten(),
      new nn.Linear(8, 10),
    );
    expect(analysis.summary(model, [1, 3, 32, 32]).toString()).toMatchInlineSnapshot(`
      "module   type             output          receptive field  stride          parameters
      (model)  Sequential       [1, 10]                                                   0
      0        Conv2d           [1, 8, 16, 16]  [3, 3]           [2, 2]                 224
      1        ReLU             [1, 8, 16, 16]  [3, 3]           [2, 2]                   0
      2        Upsample         [1, 8, 48, 48]  [3, 3]           [0.667, 0.667]           0
      3        GlobalAvgPool2d  [1, 8, 1, 1]                                              0
      4        Flatten          [1, 8]                                                    0
      5        Linear           [1, 10]                                                  90
      314 trainable parameters, 0 fixed"
    `);
  });
});
