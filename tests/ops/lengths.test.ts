// Sequences of one step, and lengths: what they cut off, and which ones are refused.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  add,
  ArgumentError,
  cast,
  compile,
  constant,
  f32,
  fill,
  grad,
  i32,
  mean,
  mul,
  nn,
  optim,
  scan,
  square,
  sum,
  u32,
  type Device,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** A handful of products and functions, each with WGSL's error; the builtin tanh may be 5e-4 off (tests/op-cases.ts). */
const TOLERANCE = __BACKEND__ === 'cpu' ? 2e-6 : 5e-4;

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  expect(got, what).toHaveLength(expected.length);
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(got[i]! - expected[i]!), `${what}, element ${i}`).toBeLessThanOrEqual(
      TOLERANCE * Math.max(1, Math.abs(expected[i]!)),
    );
}

const [b, inputs, hidden] = [2, 3, 4];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The output of a cell's first step, from the zero state, out of W_ih x + b_ih and b_hh, in float64. */
const FIRST_STEP = {
  RNN: (x: (gate: number) => number, bias: (gate: number) => number) => Math.tanh(x(0) + bias(0)),
  LSTM: (x: (gate: number) => number, bias: (gate: number) => number) => {
    const [i, , g, o] = [0, 1, 2, 3].map((gate) => x(gate) + bias(gate)) as [number, number, number, number];
    return sigmoid(o) * Math.tanh(sigmoid(i) * Math.tanh(g));
  },
  GRU: (x: (gate: number) => number, bias: (gate: number) => number) => {
    const [r, z] = [sigmoid(x(0) + bias(0)), sigmoid(x(1) + bias(1))];
    return (1 - z) * Math.tanh(x(2) + r * bias(2));
  },
};

describe.each([
  ['RNN', nn.RNN],
  ['LSTM', nn.LSTM],
  ['GRU', nn.GRU],
] as const)('nn.%s', (name, Layer) => {
  /** Outputs, last hidden states and gradients over t steps in both directions. */
  async function run(t: number, x: Float32Array<ArrayBuffer>, lengths: readonly number[] | null) {
    const layer = new Layer(inputs, hidden, { bidirectional: true });
    const step = await compile(
      device,
      { x: f32(b, t, inputs), lengths: i32(b) },
      (data) => {
        const { output, h } = layer.unroll(data.x, lengths ? { lengths: data.lengths } : {});
        const loss = add(sum(square(output)), sum(square(h)));
        const gradients = grad(loss, [data.x, ...layer.parameters()]);
        return { outputs: { output, h, ...Object.fromEntries(gradients.map((g, i) => [`d${i}`, g])) } };
      },
      { seed: 3 },
    );
    const values = await step({ x, lengths: Int32Array.from(lengths ?? [1, 1]) });
    const found: Record<string, TypedArray> = {};
    for (const [key, value] of Object.entries(values)) found[key] = await value.data();
    const state = await layer.readState(device);
    step.release();
    return { found, state };
  }

  test('over one step, with lengths, is its cell in both directions, with the gradients of no lengths', async () => {
    const x = normals(b * inputs) as Float32Array<ArrayBuffer>;
    const { found, state } = await run(1, x, [1, 1]);
    const at = (weight: string, index: number) => state.get(weight)![index]!;
    const expected = Array.from({ length: b }, (_, row) =>
      ['', '_reverse'].map((suffix) =>
        Array.from({ length: hidden }, (_, unit) =>
          FIRST_STEP[name](
            (gate) => {
              const line = gate * hidden + unit;
              let total = at(`bias_ih_l0${suffix}`, line);
              for (let i = 0; i < inputs; i++)
                total += at(`weight_ih_l0${suffix}`, line * inputs + i) * x[row * inputs + i]!;
              return total;
            },
            (gate) => at(`bias_hh_l0${suffix}`, gate * hidden + unit),
          ),
        ),
      ),
    );
    expectClose(found['output']!, expected.flat(2), 'output'); // [b, 1, directions · hidden]
    expectClose(
      found['h']!,
      [0, 1].flatMap((d) => expected.flatMap((row) => row[d]!)),
      'h',
    ); // [directions, b, hidden]
    const { found: plain } = await run(1, x, null);
    expect(Object.keys(plain).length).toBeGreaterThan(8);
    for (const [key, values] of Object.entries(plain)) expectClose(found[key]!, values, key);
    expect(found['d0']!.every((value) => value !== 0 && Number.isFinite(value))).toBe(true);
  });

  test('a sequence of length 1 among longer ones ends after its first step', async () => {
    const t = 3;
    const x = normals(b * t * inputs, 2) as Float32Array<ArrayBuffer>;
    const { found } = await run(t, x, [t, 1]);
    const first = Float32Array.of(...x.slice(0, inputs), ...x.slice(t * inputs, (t + 1) * inputs));
    const { found: alone } = await run(1, first, [1, 1]);
    const width = 2 * hidden;
    expectClose(found['output']!.slice(t * width, (t + 1) * width), alone['output']!.slice(width), 'output');
    expect(Array.from(found['output']!.slice((t + 1) * width), Math.abs)).toEqual(
      new Array(2 * width).fill(0),
    );
    for (const direction of [0, 1]) {
      const row = (direction * b + 1) * hidden;
      expectClose(found['h']!.slice(row, row + hidden), alone['h']!.slice(row, row + hidden), 'h');
    }
    expectClose(
      found['d0']!.slice(t * inputs, (t + 1) * inputs),
      alone['d0']!.slice(inputs, 2 * inputs),
      'dx',
    );
    expect(Array.from(found['d0']!.slice((t + 1) * inputs), Math.abs)).toEqual(new Array(2 * inputs).fill(0));
  });
});

test('sequenceLoss over one step', async () => {
  const step = await compile(device, { loss: f32(2, 1), lengths: i32(2) }, ({ loss, lengths }) => ({
    outputs: {
      token: nn.sequenceLoss(loss, lengths),
      sequences: nn.sequenceLoss(loss, lengths, { per: 'sequence', reduction: 'none' }),
    },
  }));
  const { token, sequences } = await step({ loss: Float32Array.of(2, 4), lengths: Int32Array.of(1, 1) });
  expect(await token.item()).toBe(3);
  expect([...(await sequences.data())]).toEqual([2, 4]);
});

describe('lengths outside 1 … t are refused', () => {
  const adding = (h: Tensor, x: Tensor) => [add(h, x), h] as const;
  const overThree = (lengths: Tensor) => scan(adding, fill(0, [2]), fill(1, [3, 2]), { lengths }).carry;
  const lossOfThree = (lengths: Tensor) => nn.sequenceLoss(fill(1, [2, 3]), lengths);

  test.each([0, -1, 4])('%d, where they are known: at once', (length) => {
    const expected = `expected lengths from 1 to 3, got ${length} at element`;
    for (const [lengths, element] of [
      [constant(Int32Array.of(3, length)), 1],
      [fill(length, [2], 'i32'), 0],
    ] as const) {
      expect(() => overThree(lengths)).toThrow(`scan: ${expected} ${element}`);
      expect(() => lossOfThree(lengths)).toThrow(`sequenceLoss: ${expected} ${element}`);
    }
  });

  test.each([0, -1, 4])('%d, as an input of a step: at its call, which changes nothing', async (length) => {
    for (const [op, of] of [
      ['scan', overThree],
      ['sequenceLoss', lossOfThree],
    ] as const) {
      const step = await compile(device, { n: i32(2) }, ({ n }) => ({ outputs: { y: of(n) } }));
      const call = step({ n: Int32Array.of(3, length) });
      await expect(call).rejects.toThrow(ArgumentError);
      await expect(call).rejects.toThrow(
        `${op}: expected lengths from 1 to 3, got ${length} at element 1 of input n`,
      );
      const { y } = await step({ n: Int32Array.of(3, 1) });
      expect([...(await y.data())]).toEqual(op === 'scan' ? [3, 1] : [1]);
      step.release();
    }
  });

  test('of u32 too, in sequenceLoss', async () => {
    const step = await compile(device, { n: u32(2) }, ({ n }) => ({ outputs: { y: lossOfThree(n) } }));
    await expect(step({ n: Uint32Array.of(3, 0) })).rejects.toThrow('expected lengths from 1 to 3, got 0');
  });

  test('by all layers of a training step, which then leaves weights and schedules alone', async () => {
    const lstm = new nn.LSTM(inputs, hidden, { numLayers: 2, bidirectional: true });
    const optimizer = new optim.SGD(lstm.parameters(), { lr: 0.1 });
    const signature = { x: f32(b, 5, inputs), lengths: i32(b) };
    const step = await compile(device, signature, ({ x, lengths }) => {
      const loss = mean(square(lstm.unroll(x, { lengths }).output));
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    });
    const x = normals(b * 5 * inputs) as Float32Array<ArrayBuffer>;
    const before = await lstm.readState(device);
    await expect(step({ x, lengths: Int32Array.of(6, 1) })).rejects.toThrow(
      'scan: expected lengths from 1 to 5, got 6 at element 0 of input lengths',
    );
    expect(await lstm.readState(device)).toEqual(before);
    expect(optimizer.steps).toBe(0);
    await step({ x, lengths: Int32Array.of(5, 1) });
    expect(optimizer.steps).toBe(1);
    expect(await lstm.readState(device)).not.toEqual(before);
  });

  test('by the number of steps of each call', async () => {
    const step = await compile(device, { x: f32(3, 2), n: i32(2) }, ({ x, n }) => ({
      outputs: { y: scan(adding, fill(0, [2]), x, { lengths: n }).carry },
    }));
    const call = (steps: number, ...n: number[]) =>
      step({ x: new Float32Array(2 * steps).fill(1), n: Int32Array.from(n) });
    await expect(call(3, 4, 1)).rejects.toThrow('expected lengths from 1 to 3, got 4');
    expect([...(await (await call(4, 4, 1)).y.data())]).toEqual([4, 1]);
    await expect(call(2, 1, 3)).rejects.toThrow('expected lengths from 1 to 2, got 3');
  });

  test('but not those that a step computes: 0 is no step, and more than t is t', async () => {
    const step = await compile(device, { n: f32(2) }, ({ n }) => ({
      outputs: { y: overThree(mul(cast(n, 'i32'), 2)), loss: lossOfThree(mul(cast(n, 'i32'), 2)) },
    }));
    const { y, loss } = await step({ n: Float32Array.of(0, 2) });
    expect([...(await y.data())]).toEqual([0, 3]);
    expect(await loss.item()).toBe(1);
  });
});
