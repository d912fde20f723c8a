import { expect, test } from 'vitest';
import {
  analysis,
  compile,
  constant,
  cpu,
  f32,
  fill,
  i32,
  mul,
  nn,
  Parameter,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';

class Block extends nn.Module {
  readonly layers = [new nn.Linear(2, 3), new nn.Linear(3, 2)];
  readonly scale = new Parameter([1], nn.init.ones);
  readonly count = new Parameter([1], nn.init.zeros, { trainable: false });

  forward(x: Tensor): Tensor {
    return mul(
      this.layers.reduce((h, layer) => layer.forward(h), x),
      this.scale,
    );
  }
}

test('parameters are named by their path, and buffers are part of the state only', () => {
  const model = new nn.Sequential(new nn.Flatten(), new Block());
  expect([...model.state().keys()]).toEqual([
    '1.layers.0.weight',
    '1.layers.0.bias',
    '1.layers.1.weight',
    '1.layers.1.bias',
    '1.scale',
    '1.count',
  ]);
  expect(model.parameters().map(({ name }) => name)).not.toContain('1.count');
  expect(model.parameters()).toHaveLength(5);
});

test('a layer that occurs twice is listed once, under its first path', () => {
  const shared = new nn.Linear(2, 2);
  const model = new nn.Sequential(shared, new nn.ReLU(), shared);
  expect([...model.state().keys()]).toEqual(['0.weight', '0.bias']);
});

test('train and eval reach every module below', () => {
  const dropout = new nn.Dropout(0.5);
  const model = new nn.Sequential(new nn.Sequential(dropout));
  expect(dropout.training).toBe(true);
  model.eval();
  expect(dropout.training).toBe(false);
  model.train();
  expect(dropout.training).toBe(true);
});

test('summary lists output shapes and counts parameters, and leaves the model as it was', () => {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { padding: 1 }),
    new nn.MaxPool2d(2),
    new nn.Dropout(),
    new nn.Flatten(),
    new nn.Linear(4 * 7 * 7, 10, { bias: false }),
    new nn.LogSoftmax(),
  );
  const summary = analysis.summary(model, [1, 1, 14, 14]);
  expect(summary.trainable).toBe(4 * 9 + 4 + 196 * 10);
  expect(summary.toString()).toMatchInlineSnapshot(`
    "module   type        output          receptive field  stride  parameters
    (model)  Sequential  [1, 10]                                           0
    0        Conv2d      [1, 4, 14, 14]  [3, 3]           [1, 1]          40
    1        MaxPool2d   [1, 4, 7, 7]    [4, 4]           [2, 2]           0
    2        Dropout     [1, 4, 7, 7]    [4, 4]           [2, 2]           0
    3        Flatten     [1, 196]                                          0
    4        Linear      [1, 10]                                        1960
    5        LogSoftmax  [1, 10]                                           0
    2000 trainable parameters, 0 fixed"
  `);
  expect(Object.keys(model)).not.toContain('forward');
  expect(model.layers[2]!.training).toBe(true);
});

test('summary counts a shared layer once and buffers apart, and takes integer inputs', () => {
  const shared = new nn.Linear(2, 2);
  expect(analysis.summary(new nn.Sequential(shared, shared), [1, 2]).trainable).toBe(6);
  expect(analysis.summary(new Block(), [1, 2])).toMatchObject({ trainable: 9 + 8 + 1, fixed: 1 });
  const words = new nn.Sequential(new nn.Embedding(10, 4), new nn.Linear(4, 10));
  expect(analysis.summary(words, [1, 6], { dtype: 'i32' }).rows.at(-1)!.output).toEqual([1, 6, 10]);
});

test('state is written and read by path, and nothing is written when something does not fit', async () => {
  const device = cpu();
  const model = new nn.Linear(2, 1);
  await compile(device, { x: f32(1, 2) }, ({ x }) => ({ outputs: { y: model.forward(x) } }));
  const state = new Map<string, TypedArray>([
    ['weight', Float32Array.of(2, 3)],
    ['bias', Float32Array.of(4)],
  ]);
  model.state();
  await model.writeState(device, state);
  expect(await model.readState(device)).toEqual(state);
  await expect(model.writeState(device, new Map([...state, ['extra', Float32Array.of(1)]]))).rejects.toThrow(
    'writeState: expected paths of this module (weight, bias), got extra',
  );
  await expect(model.writeState(device, new Map([['weight', Float32Array.of(9, 9)]]))).rejects.toThrow(
    'writeState: expected values for bias, got none',
  );
  await expect(model.writeState(device, new Map([...state, ['weight', Float32Array.of(9)]]))).rejects.toThrow(
    'writeState: expected 2 elements of f32 for weight, got 1 in a Float32Array',
  );
  expect(await model.readState(device)).toEqual(state);
});

test('a residual block whose branch changes the shape asks for a projection', () => {
  expect(() => new nn.Residual(new nn.Linear(3, 5)).forward(fill(0, [2, 3]))).toThrow(
    'Residual: expected f(h) shaped like its shortcut, got [2, 5] and [2, 3]. Pass a projection as the second argument.',
  );
  const projected = new nn.Residual(new nn.Linear(3, 5), new nn.Linear(3, 5));
  expect(projected.forward(fill(0, [2, 3])).shape).toEqual([2, 5]);
  expect(projected.parameters()).toHaveLength(4);
});

test('Conv2d refuses groups that do not divide its channels', () => {
  expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(
    'Conv2d: expected channels that groups divides, got [3,4,2]',
  );
});

const logits = constant([1, 2, 3, 4, 5, 6], [2, 3]);

test.each([
  [
    () => nn.mse(fill(0, [2]), fill(0, [2, 1])),
    'mse: expected prediction and target of one shape, got [2] and [2, 1]',
  ],
  [
    () => nn.crossEntropy(logits, fill(0, [3], 'i32')),
    'crossEntropy: expected logits [..., classes] and class indices [...], got [2, 3] and [3]',
  ],
  [
    () => nn.crossEntropy(logits, fill(0, [2])),
    'crossEntropy: expected prediction and target of one shape, got [2, 3] and [2]',
  ],
  [
    () => nn.nll(logits, fill(0, [2, 3], 'i32')),
    'nll: expected logProbs [..., classes] and class indices [...], got [2, 3] and [2, 3]',
  ],
  [
    () => nn.l1(fill(0, [2]), fill(0, [2]), { reduction: 'average' as 'mean' }),
    "l1: expected reduction 'mean', 'sum', 'batchmean' or 'none', got average",
  ],
])('a loss with arguments that do not fit throws %#', (call, message) => {
  expect(call).toThrow(message);
});

test('cross-entropy by class index, by distribution and of log probabilities agree', async () => {
  const step = await compile(cpu({ storage: 'f64' }), { x: f32(4, 3), k: i32(4) }, ({ x, k }) => ({
    outputs: {
      index: nn.crossEntropy(x, k),
      distribution: nn.crossEntropy(x, constant([0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0], [4, 3])),
      nll: nn.nll(new nn.LogSoftmax().forward(x), k),
    },
  }));
  const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
  const { index, distribution, nll } = await step({ x, k: Int32Array.of(1, 0, 2, 1) });
  expect(await distribution.item()).toBe(await index.item());
  expect(await nll.item()).toBe(await index.item());
});

test('losses of logits stay finite for large logits', async () => {
  const step = await compile(cpu(), { x: f32(2, 2), t: f32(2, 2), k: i32(2) }, ({ x, t, k }) => ({
    outputs: { ce: nn.crossEntropy(x, k), bce: nn.bceWithLogits(x, t) },
  }));
  const { ce, bce } = await step({
    x: Float32Array.of(1e4, -1e4, -1e4, 1e4),
    t: Float32Array.of(1, 0, 1, 0),
    k: Int32Array.of(0, 0),
  });
  expect(await ce.item()).toBe(1e4); // 0 and 2e4
  expect(await bce.item()).toBe(5e3); // 0, 0, 1e4, 1e4
});
