// What nn.LSTM means and costs: the notes' form of the cell, and plans that do not grow with the number of steps.
import { describe, expect, test } from 'vitest';
import {
  add,
  concat,
  f32,
  fill,
  grad,
  linear,
  matmul,
  mean,
  mul,
  nn,
  optim,
  Parameter,
  scan,
  sigmoid,
  slice,
  square,
  sum,
  tanh,
  type Tensor,
} from '../../src/index.ts';
import { input } from '../../src/ops/index.ts';
import { countDispatches, printPlan } from '../../src/plan/index.ts';
import { normal } from '../inputs.ts';
import { evaluate, planOf, trace } from '../programs.ts';

describe('LSTM', () => {
  const [b, t, d, n] = [2, 5, 3, 4];

  /** Notes 7.3, with z = [h; x] and one matrix for the four gates: rows f, i, C̃, o. */
  function ofTheNotes(x: Tensor, w: Tensor, bias: Tensor) {
    const zero = fill(0, [b, n]);
    return scan(
      ({ h, c }: { h: Tensor; c: Tensor }, xt: Tensor) => {
        const gates = add(matmul(concat([h, xt], 1), w, { transposeB: true }), bias);
        const [f, i, candidate, o] = [0, 1, 2, 3].map((k) => slice(gates, [null, [k * n, (k + 1) * n]]));
        const next = add(mul(sigmoid(f!), c), mul(sigmoid(i!), tanh(candidate!)));
        const y = mul(sigmoid(o!), tanh(next));
        return [{ h: y, c: next }, y];
      },
      { h: zero, c: zero },
      x,
    );
  }

  test('is the cell of the notes, with one matrix on [h; x], in values and gradients', async () => {
    const lstm = new nn.LSTM(d, n, { batchFirst: false });
    const [ih, hh, biasIh, biasHh] = lstm.parameters();
    // Ours has rows i, f, C̃, o.
    const rows = (w: Tensor, k: number) => slice(w, [[k * n, (k + 1) * n]]);
    const order = (w: Tensor) => concat([1, 0, 2, 3].map((k) => rows(w, k)));
    const x = input('x', [t, b, d], 'f32');
    const ours = lstm.unroll(x);
    const notes = ofTheNotes(x, order(concat([hh!, ih!], 1)), order(add(biasIh!, biasHh!)));

    const weights = input('weights', [t, b, n], 'f32');
    const wrt = [x, ...lstm.parameters()];
    const gradients = (y: Tensor, c: Tensor) => grad(add(sum(mul(y, weights)), sum(mul(c, c))), wrt);
    const values = await evaluate(
      [
        ours.output,
        ours.c,
        ...gradients(ours.output, ours.c),
        notes.ys,
        notes.carry.c,
        ...gradients(notes.ys, notes.carry.c),
      ],
      { x: normal([t, b, d]).data(), weights: normal([t, b, n], 2).data() },
    );
    const half = values.length / 2;
    for (const [i, value] of values.slice(0, half).entries()) {
      expect(value.some((element) => Math.abs(element) > 1e-3)).toBe(true);
      [...value].forEach((element, j) => expect(element).toBeCloseTo(values[half + i]![j]!, 12));
    }
  });
});

describe.each([nn.RNN, nn.LSTM, nn.GRU])('the plan of a training step of %o', (Layer) => {
  async function sizeOf(steps: number) {
    const model = new Layer(8, 16, { numLayers: 2, bidirectional: true });
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    // Sums over 256 · 64 rows are split already, and too large to share a dispatch.
    const program = await trace({ x: f32(64, steps, 8) }, ({ x }) => {
      const loss = sum(square(model.forward(x)));
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    });
    const plan = planOf(program);
    const loops = [...plan.loops.values()];
    return {
      kernels: plan.kernels.length,
      bodies: loops.map(({ body }) => printPlan(body)),
      steps: loops.map((loop) => loop.steps),
    };
  }

  test('has the same kernels for 1,024 steps as for 256', async () => {
    const [short, long] = [await sizeOf(256), await sizeOf(1024)];
    expect(short.steps).toEqual(Array.from({ length: 8 }, () => 256));
    expect(long.steps).toEqual(Array.from({ length: 8 }, () => 1024));
    expect(long.kernels).toBe(short.kernels);
    expect(long.bodies).toEqual(short.bodies);
  });
});

test('a tanh RNN written with scan trains with the kernels of nn.RNN, step for step', async () => {
  const [t, b, inputs, hidden] = [32, 32, 32, 64];
  const planWith = async (weights: readonly Parameter[], model: (x: Tensor) => Tensor) => {
    const optimizer = new optim.Adam(weights, { lr: 1e-3 });
    const program = await trace({ x: f32(t, b, inputs) }, ({ x }) => {
      const loss = mean(square(model(x)));
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    });
    const plan = planOf(program);
    return {
      dispatches: countDispatches(plan),
      plan: printPlan(plan),
      bodies: [...plan.loops.values()].map(({ body }) => printPlan(body)),
    };
  };
  const rnn = new nn.RNN(inputs, hidden, { bias: false, batchFirst: false });
  const given = rnn.parameters();
  // Of the same names, which a plan mentions.
  const [u, w] = given.map(({ shape, name }) => new Parameter(shape, nn.init.zeros, { name })) as [
    Parameter,
    Parameter,
  ];
  const module = await planWith(given, (x) => rnn.forward(x));
  const written = await planWith([u, w], (x) => {
    const cell = (h: Tensor, xt: Tensor) => {
      const next = tanh(add(linear(xt, u), linear(h, w)));
      return [next, next] as const;
    };
    return scan(cell, fill(0, [b, hidden]), x).ys;
  });
  expect(written.bodies).toHaveLength(2);
  expect(written.bodies).toEqual(module.bodies);
  expect(written.dispatches).toBe(module.dispatches);
  expect(written.plan).toBe(module.plan);
  // one forwards and two backwards for each step (tests/unit/scan.test.ts), and a few around the loops
  expect(written.dispatches).toBeGreaterThan(3 * t);
  expect(written.dispatches).toBeLessThan(3 * t + 12);
});
