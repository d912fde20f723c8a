import { describe, expect, test } from 'vitest';
import {
  add,
  ChainruleError,
  compile,
  cpu,
  f32,
  fill,
  grad,
  linear,
  matmul,
  mul,
  nn,
  permute,
  scan,
  sigmoid,
  slice,
  sum,
  tanh,
  uniform,
  type Tensor,
} from '../../src/index.ts';
import { currentTrace } from '../../src/graph/index.ts';
import { input } from '../../src/ops/index.ts';
import { joinPads } from '../../src/passes/index.ts';
import { countDispatches, makePlan, printPlan } from '../../src/plan/index.ts';
import { parameter, wholeNumbers, optimize } from '../programs.ts';

function planOf(outputs: readonly Tensor[]) {
  const optimized = optimize(outputs, [], () => undefined);
  return makePlan(optimized.outputs, [], () => null, { maxBindings: 12 });
}

const x = () => input('x', [5, 8, 16], 'f32');
const h0 = () => input('h', [8, 16], 'f32');
const square = (name: string, seed: number) => parameter(name, [16, 16], wholeNumbers(256, seed));

describe('the plan of a loop', () => {
  test('an RNN takes one kernel a step forwards, two backwards, and one product for all inputs', () => {
    const [w, u] = [square('w', 1), square('u', 2)];
    const { ys } = scan(
      (h: Tensor, xt: Tensor) => {
        const next = tanh(add(linear(xt, w), linear(h, u)));
        return [next, next];
      },
      h0(),
      x(),
    );
    const plan = planOf(grad(sum(mul(ys, ys)), [w, u]));
    expect(printPlan(plan)).toMatchInlineSnapshot(`
      "0: matmul(x[5, 8, 16], w[16, 16]) -> s0[40, 16]
      1: scan of 5 steps(h[8, 16], s0[40, 16], u[16, 16]) -> s1[5, 8, 16], s2[5, 8, 16]
         0: matmul > add,tanh,copy,copy(placeholder[8, 16], placeholder[8, 16], placeholder[16, 16]) -> tanh[8, 16], copy[8, 16], copy[8, 16]
      2: copy() -> s4[8, 16]
      3 beside 2: add(s1[5, 8, 16]) -> s0[5, 8, 16]
      4: scan of 5 steps(s4[8, 16], s0[5, 8, 16], s1[5, 8, 16], u[16, 16]) -> s3[5, 8, 16]
         0: add,mul,sub,mul(placeholder[8, 16], placeholder[8, 16], placeholder[8, 16]) -> mul[8, 16]
         1: matmul(mul[8, 16], placeholder[16, 16]) -> matmul[8, 16]
      5: matmul(s3[5, 8, 16], s2[5, 8, 16]) -> s0[16, 16]
      6: matmul(s3[5, 8, 16], x[5, 8, 16]) -> s1[16, 16]
      19 dispatches, 7 slots of 11776 bytes"
    `);
    expect(countDispatches(plan)).toBe(plan.kernels.length - plan.beside.size - 2 + 5 * 1 + 5 * 2);
  });

  test('a final carry that is wanted in another shape is copied after the loop', () => {
    const { h } = new nn.RNN(16, 4).unroll(permute(x(), [1, 0, 2]));
    const plan = planOf([h]); // [1, 8, 4]
    const loop = [...plan.loops.keys()][0]!;
    expect(loop.epilogue).toEqual([]);
    expect(plan.kernels.at(-1)!.epilogue.map(({ op }) => op.name)).toEqual(['copy']);
  });

  test('an LSTM takes two kernels a step forwards and two backwards, whatever its units', () => {
    const lstm = new nn.LSTM(16, 64);
    const plan = planOf(grad(sum(lstm.forward(permute(x(), [1, 0, 2]))), lstm.parameters()));
    expect([...plan.loops.values()].map(({ body }) => body.kernels.length)).toEqual([2, 2]);
  });

  test('carries that no result needs are not computed', () => {
    const { ys } = scan(
      ({ kept, lost }: { kept: Tensor; lost: Tensor }, xt: Tensor) => [
        { kept: add(kept, xt), lost: matmul(lost, square('u', 2)) },
        kept,
      ],
      { kept: h0(), lost: h0() },
      x(),
    );
    const [loop] = planOf([ys]).loops.values();
    expect(loop!.carries.length).toBe(1);
    expect(loop!.body.kernels.length).toBe(1);
  });

  test('a slice of whole 256 bytes is bound where it lies, others are padded', () => {
    const total = (width: number) =>
      scan((s, xt) => [add(s, xt), s], fill(0, [width]), input('x', [3, width], 'f32')).carry;
    expect(printPlan(planOf([total(64)]))).not.toContain('pad');
    expect(printPlan(planOf([total(63)]))).toContain('0: pad(x[3, 63]) -> s0[3, 64]');
  });
});

test('gradients of neighbouring slices become a concatenation, without zeros', () => {
  const whole = input('x', [2, 12], 'f32');
  const part = (n: number) => slice(whole, [null, [4 * n, 4 * n + 4]]);
  const [gradient] = grad(sum(add(mul(part(0), part(1)), sigmoid(part(2)))), [whole]);
  const [joined] = joinPads([gradient!]);
  expect(joined!.op.name).toBe('concat');
  expect(joined!.inputs.length).toBe(3);
});

test('random numbers in a cell are new at each step of the loop and of the program', async () => {
  const step = await compile(cpu(), { x: f32(3, 4) }, (given) => {
    const { ys } = scan((h, xt) => [h, add(xt, uniform([4]))], fill(0), given.x);
    return { outputs: { ys } };
  });
  const zeros = new Float32Array(12);
  const draws = [
    ...(await (await step({ x: zeros })).ys.data()),
    ...(await (await step({ x: zeros })).ys.data()),
  ];
  expect(new Set(draws).size).toBe(24);
});

test('dropout between the layers of a recurrent module acts in training only', async () => {
  const run = async (training: boolean) => {
    const rnn = new nn.RNN(2, 8, { numLayers: 2, dropout: 0.5 }).train(training);
    const step = await compile(cpu(), { x: f32(1, 3, 2) }, (given) => ({
      outputs: { y: rnn.forward(given.x) },
    }));
    const [a, b] = [
      await step({ x: new Float32Array(6).fill(1) }),
      await step({ x: new Float32Array(6).fill(1) }),
    ];
    return [[...(await a.y.data())], [...(await b.y.data())]] as const;
  };
  const [first, second] = await run(true);
  expect(first).not.toEqual(second);
  const [again, same] = await run(false);
  expect(again).toEqual(same);
});

test('batchFirst: false swaps the first two axes, and nothing else', async () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const outputs = async (batchFirst: boolean) => {
    const gru = new nn.GRU(2, 3, { batchFirst });
    gru.state(); // names the parameters, so that both start alike
    const step = await compile(cpu(), { x: f32(3, 4, 2) }, (given) => {
      const y = gru.forward(batchFirst ? given.x : permute(given.x, [1, 0, 2]));
      return { outputs: { y: batchFirst ? y : permute(y, [1, 0, 2]) } };
    });
    return (await step({ x: data })).y.data();
  };
  expect(await outputs(true)).toEqual(await outputs(false));
});

test('a module that updates a buffer cannot be used in a cell', async () => {
  class Counts extends nn.Module {
    readonly seen = parameter('seen', [1], [0]);
    forward(z: Tensor): Tensor {
      currentTrace('Counts').updates.push([this.seen, add(this.seen, 1)]);
      return z;
    }
  }
  const counts = new Counts();
  await expect(
    compile(cpu(), { x: f32(3, 1) }, (given) => ({
      outputs: { y: scan((h, xt) => [h, counts.forward(xt)], fill(0), given.x).ys },
    })),
  ).rejects.toThrow(ChainruleError);
});

test.each<[string, () => unknown, string]>([
  ['layers', () => new nn.LSTM(2, 3, { numLayers: 0 }), 'LSTM: expected numLayers >= 1, got 0'],
  ['dropout', () => new nn.GRU(2, 3, { dropout: 1 }), 'GRU: expected dropout in [0, 1), got 1'],
  [
    'input size',
    () => new nn.RNN(2, 3).forward(fill(0, [4, 5, 6])),
    'RNN: expected x [..., ..., 2], got [4, 5, 6]',
  ],
  [
    'initial state',
    () => new nn.RNN(2, 3).unroll(fill(0, [4, 5, 2]), { h: fill(0, [4, 3]) }),
    'RNN: expected an initial h [1, 4, 3], got [4, 3]',
  ],
  [
    'cell input',
    () => new nn.LSTMCell(2, 3).next(fill(0, [4, 5])),
    'LSTMCell: expected x [b, 2], got [4, 5]',
  ],
])('recurrent modules check their %s', (_, call, message) => {
  expect(call).toThrow(message);
});
