import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  analysis,
  ArgumentError,
  bool,
  ChainruleError,
  compile,
  cpu,
  DTypeError,
  f32,
  HostRandom,
  i32,
  nn,
  ShapeError,
  type Signature,
  type Tensor,
} from '../../src/index.ts';
import type { InputTensors } from '../../src/compile.ts';

/** What building a graph throws. */
async function errorOf<S extends Signature>(
  signature: S,
  fn: (inputs: InputTensors<S>) => Tensor,
): Promise<Error> {
  return compile(cpu(), signature, (inputs) => ({ outputs: { y: fn(inputs) } })).then(
    () => new Error('nothing was thrown'),
    (error: Error) => error,
  );
}

describe('MultiheadAttention', () => {
  test('has the parameters of PyTorch, in its order and with its first values', () => {
    const attention = new nn.MultiheadAttention(8, 2);
    const state = attention.state();
    expect([...state].map(([name, { shape }]) => [name, shape])).toEqual([
      ['in_proj_weight', [24, 8]],
      ['in_proj_bias', [24]],
      ['out_proj.weight', [8, 8]],
      ['out_proj.bias', [8]],
    ]);
    for (const name of ['in_proj_bias', 'out_proj.bias'])
      expect([...state.get(name)!.initialValues(1)].every((value) => value === 0)).toBe(true);
    const weight = state.get('in_proj_weight')!.initialValues(1);
    const bound = Math.sqrt(6 / (24 + 8));
    expect(Math.max(...Array.from(weight, Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...Array.from(weight, Math.abs))).toBeGreaterThan(0.9 * bound);
    expect([...new nn.MultiheadAttention(8, 2, { bias: false }).state().keys()]).toEqual([
      'in_proj_weight',
      'out_proj.weight',
    ]);
  });

  test('refuses what does not fit', async () => {
    expect(() => new nn.MultiheadAttention(8, 3)).toThrow(
      'MultiheadAttention: expected a number of heads that divides 8, got 3',
    );
    expect(() => new nn.MultiheadAttention(8, 2, { dropout: 1 })).toThrow(ArgumentError);
    const attention = new nn.MultiheadAttention(8, 2);
    const wrong = await errorOf({ x: f32(1, 3, 6) }, ({ x }) => attention.forward(x));
    expect(wrong).toBeInstanceOf(ShapeError);
    expect(wrong.message).toBe('MultiheadAttention: expected [b, t, 8], got [1, 3, 6]');
    const memory = await errorOf({ x: f32(1, 3, 8), memory: f32(2, 3, 8) }, ({ x, memory }) =>
      attention.forward(x, { memory }),
    );
    expect(memory).toBeInstanceOf(ShapeError);
    const valid = await errorOf({ x: f32(1, 3, 8), keyValid: i32(1, 3) }, ({ x, keyValid }) =>
      attention.forward(x, { keyValid }),
    );
    expect(valid).toBeInstanceOf(DTypeError);
    const empty = await errorOf({ x: f32(1, 0, 8) }, ({ x }) => attention.forward(x));
    expect(empty).toBeInstanceOf(ShapeError);
  });
});

describe('KeyValueCache', () => {
  const attention = new nn.MultiheadAttention(8, 2);

  test('takes one position at a time, of the sizes it was made for', async () => {
    const cache = attention.makeCache(1, 4);
    const decode = (x: Tensor, position: Tensor) => attention.forward(x, { decode: { cache, position } });
    const two = await errorOf({ x: f32(1, 2, 8), at: i32() }, ({ x, at }) => decode(x, at));
    expect(two.message).toBe('KeyValueCache: expected one position [1, 2, 1, 4], got [1, 2, 2, 4]');
    const dtype = await errorOf({ x: f32(1, 1, 8), at: f32() }, ({ x, at }) => decode(x, at));
    expect(dtype).toBeInstanceOf(DTypeError);
    const twice = await errorOf({ x: f32(1, 1, 8), at: i32() }, ({ x, at }) => decode(decode(x, at), at));
    expect(twice.message).toContain('expected one update per parameter, got two for cache.key');
    expect(() => attention.makeCache(0, 4)).toThrow(ArgumentError);
  });

  test('is no part of a model', () => {
    const encoder = new nn.TransformerEncoder(2, 8, 2);
    const before = [...encoder.state().keys()];
    const caches = encoder.makeCaches(1, 4);
    expect(caches.map(({ key }) => key.name)).toEqual(['layers.0.cache.key', 'layers.1.cache.key']);
    expect([...encoder.state().keys()]).toEqual(before);
  });

  test('and a memory exclude each other', async () => {
    const error = await errorOf({ x: f32(1, 1, 8), at: i32() }, ({ x, at }) =>
      attention.forward(x, { memory: x, decode: { cache: attention.makeCache(1, 4), position: at } }),
    );
    expect(error.message).toBe('MultiheadAttention: expected memory or decode, got both');
  });

  test('of a stack come in the number of its layers', async () => {
    const encoder = new nn.TransformerEncoder(2, 8, 2);
    const error = await errorOf({ x: f32(1, 1, 8), at: i32() }, ({ x, at }) =>
      encoder.forward(x, { decode: { caches: encoder.makeCaches(1, 4).slice(1), position: at } }),
    );
    expect(error.message).toBe('TransformerEncoder: expected 2 caches, got 1');
  });
});

describe('Transformer layers', () => {
  test('have the parameters of PyTorch', () => {
    const names = (layer: nn.Module) => [...layer.state().keys()].sort();
    const attention = (name: string) =>
      ['in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias'].map((part) => `${name}.${part}`);
    const rest = ['linear1', 'linear2', 'norm1', 'norm2'].flatMap((name) => [
      `${name}.weight`,
      `${name}.bias`,
    ]);
    expect(names(new nn.TransformerEncoderLayer(8, 2))).toEqual([...attention('self_attn'), ...rest].sort());
    expect(names(new nn.TransformerDecoderLayer(8, 2))).toEqual(
      [
        ...attention('self_attn'),
        ...attention('multihead_attn'),
        ...rest,
        'norm3.weight',
        'norm3.bias',
      ].sort(),
    );
    const stack = new nn.TransformerEncoder(2, 8, 2, { finalNorm: true });
    expect(stack.parameters().length).toBe(2 * 12 + 2);
    expect(stack.state().has('layers.1.norm2.bias')).toBe(true);
    expect(new nn.TransformerEncoder(1, 8, 2).norm).toBeNull();
    expect(new nn.TransformerEncoder(1, 8, 2, { normFirst: true }).norm).not.toBeNull();
  });

  test('begin with different weights in each layer', () => {
    const [a, b] = new nn.TransformerEncoder(2, 8, 2)
      .parameters()
      .filter((p) => p.name.endsWith('in_proj_weight'));
    expect([...a!.initialValues(1)]).not.toEqual([...b!.initialValues(1)]);
  });

  test('count their parameters, also where they need a memory', () => {
    const decoder = new nn.TransformerDecoder(3, 8, 2, { feedForward: 16 });
    const perLayer = 2 * (4 * 8 * 8 + 4 * 8) + (2 * 8 * 16 + 16 + 8) + 3 * 16;
    expect(analysis.summary(decoder, [1, 4, 8]).trainable).toBe(3 * perLayer);
  });

  test('refuse options outside their domain', () => {
    expect(() => new nn.TransformerEncoderLayer(8, 2, { activation: 'tanh' as 'relu' })).toThrow(
      "TransformerEncoderLayer: expected activation 'relu' or 'gelu', got tanh",
    );
    expect(() => new nn.TransformerEncoderLayer(8, 2, { dropout: -0.1 })).toThrow(ArgumentError);
    expect(() => new nn.TransformerEncoder(0, 8, 2)).toThrow(ArgumentError);
  });
});

describe('positions refuse', () => {
  test('sizes that are no sizes', () => {
    expect(() => nn.sinusoids(0, 4)).toThrow(ArgumentError);
    expect(() => new nn.SinusoidalEncoding(4, 1.5)).toThrow(ArgumentError);
    expect(() => new nn.RotaryEncoding(3)).toThrow('RotaryEncoding: expected a positive even width, got 3');
    expect(() => new nn.RotaryEncoding(4, { base: 0 })).toThrow(ArgumentError);
  });

  test('sequences that are too long, and other widths', async () => {
    const encodings = [
      new nn.SinusoidalEncoding(3, 4),
      new nn.LearnedEncoding(3, 4),
      new nn.RotaryEncoding(4, { maxLength: 3 }),
    ];
    for (const encoding of encodings) {
      const long = await errorOf({ x: f32(1, 4, 4) }, ({ x }) => encoding.forward(x));
      expect(long).toBeInstanceOf(ShapeError);
      expect(long.message).toContain('expected at most 3 positions, got [4]');
      const wide = await errorOf({ x: f32(1, 2, 6) }, ({ x }) => encoding.forward(x));
      expect(wide).toBeInstanceOf(ShapeError);
    }
  });
});

describe('tokenProbabilities', () => {
  const logits = [1, 3, 2, -1, 3];
  const softmax = (values: readonly number[]) => {
    const exponentials = values.map(Math.exp);
    const total = exponentials.reduce((a, b) => a + b);
    return exponentials.map((x) => x / total);
  };

  test('is the softmax of the logits over the temperature', () => {
    for (const temperature of [0.5, 1, 3]) {
      const expected = softmax(logits.map((x) => x / temperature));
      nn.tokenProbabilities(logits, { temperature }).forEach((p, i) =>
        expect(p).toBeCloseTo(expected[i]!, 12),
      );
    }
    expect([...nn.tokenProbabilities(logits, { temperature: 0 })]).toEqual([0, 1, 0, 0, 0]);
    expect([...nn.tokenProbabilities(logits, { temperature: 1e-320 })]).toEqual([0, 0.5, 0, 0, 0.5]);
  });

  test('keeps the k likeliest', () => {
    const expected = softmax([3, 2, 3]);
    const got = nn.tokenProbabilities(logits, { topK: 3 });
    expect([got[0], got[3]]).toEqual([0, 0]);
    [got[1], got[2], got[4]].forEach((p, i) => expect(p).toBeCloseTo(expected[i]!, 12));
    expect([...nn.tokenProbabilities(logits, { topK: 1 })]).toEqual([0, 1, 0, 0, 0]);
  });

  test('keeps the fewest that have the probability p', () => {
    const even = [Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05)];
    const kept = (topP: number) => [...nn.tokenProbabilities(even, { topP })].filter((p) => p > 0).length;
    expect([0.01, 0.49, 0.51, 0.79, 0.81, 0.94, 0.96, 1].map(kept)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
    expect(nn.tokenProbabilities(even, { topP: 0.7 })[0]).toBeCloseTo(0.5 / 0.8, 12);
    // of the two that topK leaves, the first has 0.625
    expect([...nn.tokenProbabilities(even, { topK: 2, topP: 0.6 })]).toEqual([1, 0, 0, 0]);
  });

  test('sums to 1 and never raises a token above a likelier one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 1e-3, max: 100, noNaN: true }),
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 1e-6, max: 1, noNaN: true }),
        (values, temperature, topK, topP) => {
          const p = nn.tokenProbabilities(values, { temperature, topK, topP });
          expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
          expect(p.filter((x) => x > 0).length).toBeLessThanOrEqual(topK);
          values.forEach((a, i) =>
            values.forEach((b, j) => a > b && expect(p[i]).toBeGreaterThanOrEqual(p[j]!)),
          );
        },
      ),
    );
  });

  test('refuses what is no distribution', () => {
    expect(() => nn.tokenProbabilities([])).toThrow(ArgumentError);
    expect(() => nn.tokenProbabilities([1, NaN])).toThrow(
      'expected logits that are numbers below Infinity, got NaN',
    );
    expect(() => nn.tokenProbabilities([1, Infinity])).toThrow(ArgumentError);
    expect(() => nn.tokenProbabilities([-Infinity])).toThrow(ArgumentError);
    expect([...nn.tokenProbabilities([-Infinity, 2])]).toEqual([0, 1]);
    for (const options of [{ temperature: -1 }, { topK: 0 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }])
      expect(() => nn.tokenProbabilities(logits, options)).toThrow(ChainruleError);
  });
});

test('sampleToken draws with the probabilities of the tokens', () => {
  const random = new HostRandom(1, 'tokens');
  const options = { temperature: 0.8, topK: 3 };
  const logits = [0.5, -1, 1.5, 1];
  const draws = 20_000;
  const counts = new Array<number>(4).fill(0);
  for (let i = 0; i < draws; i++) counts[nn.sampleToken(logits, random, options)]!++;
  nn.tokenProbabilities(logits, options).forEach((p, token) => {
    const deviation = Math.sqrt((p * (1 - p)) / draws);
    expect(Math.abs(counts[token]! / draws - p)).toBeLessThanOrEqual(5 * deviation);
  });
  const again = new HostRandom(2, 'tokens');
  const first = Array.from({ length: 20 }, () => nn.sampleToken(logits, again));
  const repeat = new HostRandom(2, 'tokens');
  expect(Array.from({ length: 20 }, () => nn.sampleToken(logits, repeat))).toEqual(first);
});

test('masks of the wrong shape are errors of the attention that they were given to', async () => {
  const layer = new nn.TransformerDecoderLayer(8, 2);
  const error = await errorOf(
    { x: f32(2, 3, 8), memory: f32(2, 5, 8), valid: bool(2, 3) },
    ({ x, memory, valid }) => layer.forward(x, memory, { memoryValid: valid }),
  );
  expect(error.message).toBe('scaledDotProductAttention: expected keyValid [2, 5], got [2, 3]');
});
