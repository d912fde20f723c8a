// Attention on this backend against its composition, and the modules that are built on it: what a decoder computes step
// by step with a cache is what it computes at once.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  add,
  attentionWeights,
  bool,
  compile,
  f32,
  grad,
  i32,
  matmul,
  mul,
  nn,
  Parameter,
  scaledDotProductAttention,
  slice,
  sum,
  type AttentionOptions,
  type Device,
  type Signature,
  type Tensor,
  type TypedArray,
  type Value,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { booleans, nonzero, normal } from '../inputs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

async function dataOf(values: Readonly<Record<string, Value>>): Promise<Record<string, TypedArray>> {
  const entries = Object.entries(values).map(async ([name, value]) => [name, await value.data()] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function evaluate<S extends Signature>(
  signature: S,
  data: Readonly<Record<string, TypedArray>>,
  fn: (inputs: { readonly [K in keyof S]: Tensor }) => Readonly<Record<string, Tensor>>,
): Promise<Record<string, TypedArray>> {
  const step = await compile(device, signature, (inputs) => ({ outputs: fn(inputs) }));
  const results = await dataOf(await step(data as Parameters<typeof step>[0]));
  step.release();
  return results;
}

/** Both are within float32's accuracy of the true values: sums of a few dozen products, exponentials, one quotient. */
const TOLERANCE = 5e-6;

function expectClose(got: TypedArray, expected: TypedArray, tolerance = TOLERANCE): void {
  expect(got.length).toBe(expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  got.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!), `element ${i}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, largest),
    ),
  );
}

describe('fused attention', () => {
  test.each([
    ['of one query and one key', [1, 1, 1, 1, 4], {}],
    ['with fewer keys than queries, causal', [2, 2, 9, 5, 8], { causal: true }],
    ['with padding and a mask', [2, 2, 6, 7, 8], { padded: true, masked: true }],
  ] as const)('%s equals matmul, mask, softmax, matmul', async (_, [b, h, t, s, d], settings) => {
    const { causal = false, padded = false, masked = false } = settings as Record<string, boolean>;
    const signature = {
      q: f32(b, h, t, d),
      k: f32(b, h, s, d),
      v: f32(b, h, s, d),
      w: f32(b, h, t, d),
      keyValid: bool(b, s),
      mask: bool(t, s),
    };
    const data = {
      ...Object.fromEntries(
        (['q', 'k', 'v', 'w'] as const).map((name, i) => [name, normal(signature[name].shape, i).data()]),
      ),
      keyValid: booleans([b, s]).data(),
      mask: booleans([t, s], 2).data(),
    };
    const results = await evaluate(signature, data, ({ q, k, v, w, keyValid, mask }) => {
      const options = { causal, ...(padded ? { keyValid } : {}), ...(masked ? { mask } : {}) };
      const both = {
        fused: scaledDotProductAttention(q, k, v, options),
        composed: matmul(attentionWeights(q, k, options), v),
      };
      return Object.fromEntries(
        Object.entries(both).flatMap(([name, y]) => {
          const gradients = grad(sum(mul(y, w)), [q, k, v]);
          return [y, ...gradients].map((x, i) => [`${name} ${i}`, x]);
        }),
      );
    });
    for (let i = 0; i < 4; i++) expectClose(results[`fused ${i}`]!, results[`composed ${i}`]!);
  });

  describe.each([
    ['fused', scaledDotProductAttention],
    ['composed', (q, k, v, options) => matmul(attentionWeights(q, k, options), v)],
  ] as const satisfies readonly [string, typeof scaledDotProductAttention][])('%s', (_, attention) => {
    const heads = f32(2, 2, 3, 4);
    const signature = {
      q: heads,
      k: heads,
      v: heads,
      w: heads,
      mask: bool(3, 3),
      keyValid: bool(2, 3),
    };
    const data: Record<string, TypedArray> = {
      ...Object.fromEntries(['q', 'k', 'v', 'w'].map((name, i) => [name, nonzero(heads.shape, i).data()])),
      // The second query sees no key, and in the second batch element none does.
      mask: Uint32Array.of(1, 0, 1, 0, 0, 0, 1, 1, 1),
      keyValid: Uint32Array.of(1, 1, 1, 0, 0, 0),
    };
    /** Sizes of some elements; −0 is a zero, too. */
    const sizes = (values: TypedArray, start = 0, end = values.length) =>
      Array.from(values.subarray(start, end), Math.abs);
    /** Those of one query, of two batch elements, two heads and three positions of four numbers. */
    const queryOf = (values: TypedArray, element: number, head: number, position: number) => {
      const at = ((element * 2 + head) * 3 + position) * 4;
      return sizes(values, at, at + 4);
    };

    test('gives 0 to a query that sees no key, and no gradient through it', async () => {
      const results = await evaluate(signature, data, ({ q, k, v, w, mask, keyValid }) => {
        const gradients = (options: AttentionOptions, position: readonly [number, number]) => {
          const y = attention(q, k, v, options);
          // the cotangent w of y is nowhere 0
          const loss = sum(slice(mul(y, w), [null, null, [...position]]));
          return { y, dq: grad(loss, [q])[0]!, dk: grad(loss, [k])[0]!, dv: grad(loss, [v])[0]! };
        };
        const named = (name: string, outputs: Readonly<Record<string, Tensor>>) =>
          Object.entries(outputs).map(([key, tensor]) => [`${name} ${key}`, tensor]);
        return Object.fromEntries([
          ...named('hidden', gradients({ mask }, [1, 2])),
          ...named('all', gradients({ mask }, [0, 3])),
          ...named('padded', gradients({ keyValid }, [0, 3])),
        ]);
      });
      const zeros = (length: number) => new Array<number>(length).fill(0);
      const length = data['q']!.length;
      for (const key of ['dq', 'dk', 'dv']) {
        expect(sizes(results[`hidden ${key}`]!), `${key} through it`).toEqual(zeros(length));
        const ofPadded = results[`padded ${key}`]!;
        expect(sizes(ofPadded, length / 2), `${key} where all is padding`).toEqual(zeros(length / 2));
        expect(sizes(ofPadded, 0, length / 2)).not.toContain(0);
      }
      expect(sizes(results['padded y']!, length / 2)).toEqual(zeros(length / 2));
      for (const element of [0, 1])
        for (const head of [0, 1]) {
          const at = (key: string, position: number) =>
            queryOf(results[`all ${key}`]!, element, head, position);
          expect(at('y', 1)).toEqual(zeros(4));
          expect(at('dq', 1)).toEqual(zeros(4));
          for (const position of [0, 2])
            for (const key of ['y', 'dq', 'dk', 'dv'])
              for (const value of at(key, position)) expect(value > 0 && Number.isFinite(value)).toBe(true);
        }
    });
  });

  test('can be differentiated twice', async () => {
    const heads = f32(1, 2, 3, 4);
    const data = { x: normal(heads.shape).data() };
    const second = (y: Tensor, x: Tensor) => {
      const [dx] = grad(sum(mul(y, y)), [x]);
      return grad(sum(mul(dx!, dx!)), [x])[0]!;
    };
    const { fused, composed } = await evaluate({ x: heads }, data, ({ x }) => ({
      fused: second(scaledDotProductAttention(x, x, x, { causal: true }), x),
      composed: second(matmul(attentionWeights(x, x, { causal: true }), x), x),
    }));
    expectClose(fused!, composed!);
  });

  test('drops weights in proportion, and keeps the mean', async () => {
    const [t, s] = [64, 64];
    const { kept, all } = await evaluate(
      { q: f32(1, 4, t, 4), k: f32(1, 4, s, 4), v: f32(1, 4, s, 1) },
      {
        q: new Float32Array(4 * t * 4),
        k: new Float32Array(4 * s * 4),
        v: new Float32Array(4 * s).fill(1),
      },
      ({ q, k, v }) => ({
        kept: scaledDotProductAttention(q, k, v, { dropout: 0.25 }),
        all: scaledDotProductAttention(q, k, v),
      }),
    );
    all!.forEach((value) => expect(value).toBeCloseTo(1, 6));
    // Each value is the share of 64 keys that were kept, over 0.75: standard deviation √(0.25 / 0.75 / 64) = 0.072.
    const mean = [...kept!].reduce((a, b) => a + b) / kept!.length;
    expect(Math.abs(mean - 1)).toBeLessThan((5 * 0.072) / Math.sqrt(kept!.length));
    kept!.forEach((value) => expect(value * 48).toBeCloseTo(Math.round(value * 48), 3));
    expect(new Set(kept).size).toBeGreaterThan(10);
  });
});

const SMALL = { vocab: 7, width: 8, heads: 2, length: 6 } as const;

/** A decoder-only language model of two layers. */
class Lm extends nn.Module {
  readonly tok = new nn.Embedding(SMALL.vocab, SMALL.width);
  readonly pos: nn.LearnedEncoding | null;
  readonly body: nn.TransformerEncoder;
  readonly head = new nn.Linear(SMALL.width, SMALL.vocab);

  constructor(rotary: boolean) {
    super();
    this.pos = rotary ? null : new nn.LearnedEncoding(SMALL.length, SMALL.width);
    this.body = new nn.TransformerEncoder(2, SMALL.width, SMALL.heads, {
      normFirst: true,
      ...(rotary
        ? { rotary: new nn.RotaryEncoding(SMALL.width / SMALL.heads, { maxLength: SMALL.length }) }
        : {}),
    });
  }

  forward(x: Tensor, decode?: nn.StackDecodeStep): Tensor {
    const embedded = this.tok.forward(x);
    const placed = this.pos ? this.pos.forward(embedded, decode?.position) : embedded;
    return this.head.forward(this.body.forward(placed, { causal: true, ...(decode ? { decode } : {}) }));
  }
}

describe('decoding with a cache', () => {
  test.each([
    ['learned', false],
    ['rotary', true],
  ])('gives the logits of the whole sequence, with %s positions', async (_, rotary) => {
    const { vocab, length } = SMALL;
    const model = new Lm(rotary);
    const tokens = [3, 1, 4, 1, 5, 2];
    const whole = await compile(device, { x: i32(1, length) }, ({ x }) => ({
      outputs: { logits: model.forward(x) },
    }));
    const expected = await (await whole({ x: Int32Array.from(tokens) })).logits.data();
    const caches = model.body.makeCaches(1, length);
    const step = await compile(device, { x: i32(1, 1), position: i32() }, ({ x, position }) => ({
      outputs: { logits: model.forward(x, { caches, position }) },
    }));
    // The second sequence finds what the first one has left in the caches.
    for (const sequence of [[...tokens].reverse(), tokens]) {
      const logits: number[] = [];
      for (const [position, token] of sequence.entries()) {
        const values = await step({ x: Int32Array.of(token), position: Int32Array.of(position) });
        logits.push(...(await values.logits.data()));
      }
      if (sequence === tokens) expectClose(Float32Array.from(logits), expected);
      else expect(Float32Array.from(logits.slice(0, vocab))).not.toEqual(expected.slice(0, vocab));
    }
  });

  test('of an encoder–decoder reads the keys and values of its memory once', async () => {
    const [width, heads, s, t] = [8, 2, 5, 3];
    const decoder = new nn.TransformerDecoder(2, width, heads, { activation: 'gelu' });
    const data = (shape: readonly number[], seed: number) => normal(shape, seed).data() as Float32Array;
    const [x, memory] = [data([1, t, width], 1), data([1, s, width], 2)];
    const valid = Uint32Array.of(1, 1, 0, 1, 0);
    const whole = await evaluate(
      { x: f32(1, t, width), memory: f32(1, s, width), memoryValid: bool(1, s) },
      { x, memory, memoryValid: valid },
      ({ x, memory, memoryValid }) => ({ y: decoder.forward(x, memory, { memoryValid }) }),
    );
    const held = decoder.layers.map(() => ({
      key: new Parameter([1, heads, s, width / heads], nn.init.zeros, { trainable: false }),
      value: new Parameter([1, heads, s, width / heads], nn.init.zeros, { trainable: false }),
    }));
    const remember = await compile(device, { memory: f32(1, s, width) }, ({ memory }) => ({
      outputs: {},
      updates: decoder
        .keysAndValues(memory)
        .flatMap(({ key, value }, i) => [[held[i]!.key, key] as const, [held[i]!.value, value] as const]),
    }));
    await remember({ memory });
    const caches = decoder.makeCaches(1, t);
    const step = await compile(
      device,
      { x: f32(1, 1, width), position: i32(), memoryValid: bool(1, s) },
      ({ x, position, memoryValid }) => ({
        outputs: { y: decoder.forward(x, held, { memoryValid, decode: { caches, position } }) },
      }),
    );
    for (let position = 0; position < t; position++) {
      const at = [position * width, (position + 1) * width] as const;
      const values = await step({
        x: x.slice(...at),
        position: Int32Array.of(position),
        memoryValid: valid,
      });
      expectClose(await values.y.data(), whole['y']!.slice(...at));
    }
  });
});

describe('positions', () => {
  test('rotary dot products depend on distances alone', async () => {
    const [t, width] = [6, 8];
    const rotary = new nn.RotaryEncoding(width);
    const row = normal([width]).data();
    const other = normal([width], 2).data();
    const repeated = (values: TypedArray) =>
      Float32Array.from({ length: t * width }, (_, i) => values[i % width]!);
    const { scores } = await evaluate(
      { q: f32(t, width), k: f32(t, width) },
      { q: repeated(row), k: repeated(other) },
      ({ q, k }) => ({ scores: matmul(rotary.forward(q), rotary.forward(k), { transposeB: true }) }),
    );
    for (let i = 1; i < t; i++)
      for (let j = 1; j < t; j++) expect(scores![i * t + j]).toBeCloseTo(scores![(i - 1) * t + j - 1]!, 4);
    expect(scores![1]).not.toBeCloseTo(scores![0]!, 2);
    // RoFormer, eq. 15, for one pair: the angle of position 1 is 1.
    const turned = await evaluate({ x: f32(2, 2) }, { x: Float32Array.of(1, 0, 1, 0) }, ({ x }) => ({
      y: new nn.RotaryEncoding(2).forward(x),
    }));
    expectClose(turned['y']!, Float32Array.of(1, 0, Math.cos(1), Math.sin(1)));
  });

  test('each encoding, begun at a position, is the rest of the whole one', async () => {
    const [length, width] = [7, 6];
    const encodings = {
      sinusoidal: new nn.SinusoidalEncoding(length, width),
      learned: new nn.LearnedEncoding(length, width),
      rotary: new nn.RotaryEncoding(width, { maxLength: length }),
    };
    const x = normal([1, length, width]).data();
    const rest = x.slice(4 * width);
    const results = await evaluate(
      { x: f32(1, length, width), rest: f32(1, 3, width), position: i32() },
      { x, rest, position: Int32Array.of(4) },
      ({ x, rest, position }) =>
        Object.fromEntries(
          Object.entries(encodings).flatMap(([name, encoding]) => [
            [`${name} whole`, encoding.forward(x)],
            [`${name} rest`, encoding.forward(rest, position)],
          ]),
        ),
    );
    for (const name of Object.keys(encodings))
      expectClose(results[`${name} rest`]!, results[`${name} whole`]!.slice(4 * width));
    const sinusoids = results['sinusoidal whole']!.map((value, i) => value - x[i]!);
    expect(sinusoids[4 * width + 2]).toBeCloseTo(Math.sin(4 / 10000 ** (2 / width)), 5);
    expect(sinusoids[4 * width + 3]).toBeCloseTo(Math.cos(4 / 10000 ** (2 / width)), 5);
  });
});

test('a Transformer with dropout trains with it and evaluates without', async () => {
  const layer = new nn.TransformerEncoderLayer(8, 2, { dropout: 0.5 });
  const run = async () => {
    const step = await compile(device, { x: f32(1, 4, 8) }, ({ x }) => ({
      outputs: { y: add(layer.forward(x), 0) },
    }));
    const data = { x: normal([1, 4, 8]).data() as Float32Array };
    return [await (await step(data)).y.data(), await (await step(data)).y.data()].map((values) => [
      ...values,
    ]);
  };
  const [first, second] = await run();
  expect(first).not.toEqual(second);
  layer.eval();
  const [third, fourth] = await run();
  expect(third).toEqual(fourth);
});
