import {
  ArgumentError,
  currentTrace,
  DTypeError,
  Parameter,
  ShapeError,
  type Tensor,
} from '../graph/index.ts';
import {
  and,
  attentionWeights,
  bernoulli,
  eq,
  iota,
  le,
  linear,
  matmul,
  mul,
  permute,
  reshape,
  scaledDotProductAttention,
  slice,
  where,
  type AttentionWeightsOptions,
} from '../ops/index.ts';
import { xavierUniform, zeros } from './init.ts';
import { Linear } from './layers.ts';
import { Module } from './module.ts';
import type { RotaryEncoding } from './position.ts';

/** Keys and values of all heads, both [b, h, s, d]. */
export interface KeysAndValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * The keys and values of the positions that a decoder has been through, so that a step computes one position and not
 * all of them: two buffers [batch, heads, maxLength, headWidth], which steps update and which belong to no module. What is
 * left in them from another sequence is never seen, since a step sees positions up to its own.
 */
export class KeyValueCache {
  readonly key: Parameter;
  readonly value: Parameter;

  /** @throws ArgumentError unless all sizes are positive integers */
  constructor(batch: number, heads: number, maxLength: number, headWidth: number, name = 'cache') {
    const buffer = (part: string) =>
      new Parameter([batch, heads, maxLength, headWidth], zeros, {
        name: `${name}.${part}`,
        trainable: false,
      });
    this.key = buffer('key');
    this.value = buffer('value');
  }

  /**
   * Add one position: an update of the step that is being traced.
   *
   * @param key [b, h, 1, d]
   * @param value [b, h, 1, d]
   * @param position i32 scalar in [0, maxLength); elsewhere nothing is written
   * @returns keys and values with the new ones among them, and the mask [1, 1, 1, maxLength] of the positions up to it
   * @throws ShapeError when more than one position is given or sizes do not fit, DTypeError unless `position` is i32,
   *   ChainruleError outside of `compile`
   */
  append({ key, value }: KeysAndValues, position: Tensor): KeysAndValues & { mask: Tensor } {
    const [batch, heads, maxLength, width] = this.key.shape as [number, number, number, number];
    if (position.dtype !== 'i32') throw new DTypeError('KeyValueCache', 'a position of i32', position.dtype);
    for (const x of [key, value])
      if (x.shape.join() !== [batch, heads, 1, width].join())
        throw new ShapeError('KeyValueCache', [x.shape], `one position [${batch}, ${heads}, 1, ${width}]`);
    // Of the cache's whole shape: as one mask for all heads it would be a kernel of its own.
    const isHere = eq(iota(this.key.shape, 2), reshape(position, []));
    const next = { key: where(isHere, key, this.key), value: where(isHere, value, this.value) };
    currentTrace('KeyValueCache').updates.push([this.key, next.key], [this.value, next.value]);
    return { ...next, mask: le(iota([1, 1, 1, maxLength], 3), reshape(position, [])) };
  }
}

/** One step of decoding: x is a single position, and keys and values of those before it come from the cache. */
export interface DecodeStep {
  readonly cache: KeyValueCache;
  /** i32 scalar, from 0. */
  readonly position: Tensor;
}

export interface MultiheadAttentionOptions {
  /** Default true. */
  bias?: boolean;
  /** Probability of dropping a weight in training; default 0. Scores are then stored, see `scaledDotProductAttention`. */
  dropout?: number;
  /** Rotates queries and keys by their positions; for self attention only. */
  rotary?: RotaryEncoding;
}

export interface AttendOptions extends AttentionWeightsOptions {
  /** Where keys and values come from, [b, s, e], or those that `keysAndValues` made of it; default x itself. */
  memory?: Tensor | KeysAndValues;
  /** Self attention for one more position; `causal` says nothing then. */
  decode?: DecodeStep;
}

/**
 * Multi-head attention (Vaswani et al. 2017, section 3.2.2; notes 8): head i attends with columns i d .. (i + 1) d of the
 * projections of x (queries) and of the memory (keys and values), d = embedDim / heads; the heads side by side are
 * projected once more. x [b, t, embedDim] → [b, t, embedDim].
 *
 * PyTorch's parameters: `in_proj_weight` [3 · embedDim, embedDim] (queries, keys, values; Xavier uniform), `in_proj_bias`
 * (0), `out_proj.weight`, `out_proj.bias`.
 */
export class MultiheadAttention extends Module {
  readonly in_proj_weight: Parameter;
  readonly in_proj_bias: Parameter | null;
  readonly out_proj: Linear;
  readonly embedDim: number;
  readonly heads: number;
  readonly dropout: number;
  readonly #rotary: RotaryEncoding | null;

  /** @throws ArgumentError unless `heads` divides `embedDim`, and for a dropout outside [0, 1) */
  constructor(
    embedDim: number,
    heads: number,
    { bias = true, dropout = 0, rotary }: MultiheadAttentionOptions = {},
  ) {
    super();
    if (!Number.isInteger(heads) || heads < 1 || embedDim % heads !== 0)
      throw new ArgumentError('MultiheadAttention', `a number of heads that divides ${embedDim}`, heads);
    if (!(dropout >= 0 && dropout < 1))
      throw new ArgumentError('MultiheadAttention', 'dropout in [0, 1)', dropout);
    this.in_proj_weight = new Parameter([3 * embedDim, embedDim], xavierUniform());
    this.in_proj_bias = bias ? new Parameter([3 * embedDim], zeros) : null;
    this.out_proj = new Linear(embedDim, embedDim, { bias, biasInit: zeros });
    this.embedDim = embedDim;
    this.heads = heads;
    this.dropout = dropout;
    this.#rotary = rotary ?? null;
  }

  /**
   * @param x [b, t, embedDim]
   * @returns [b, t, embedDim]
   * @throws ShapeError or DTypeError when x, the memory or a mask does not fit
   */
  forward(x: Tensor, options: AttendOptions = {}): Tensor {
    const { q, key, value, masks } = this.#attended(x, options);
    return this.#joined(
      scaledDotProductAttention(q, key, value, { ...masks, dropout: this.training ? this.dropout : 0 }),
    );
  }

  /**
   * The same with the weights that each head gives to the keys, which takes memory for all of them.
   *
   * @returns y [b, t, embedDim] and weights [b, heads, t, s], before dropout
   */
  withWeights(x: Tensor, options: AttendOptions = {}): { y: Tensor; weights: Tensor } {
    const { q, key, value, masks } = this.#attended(x, options);
    const weights = attentionWeights(q, key, masks);
    const keep = 1 - (this.training ? this.dropout : 0);
    const kept = keep < 1 ? mul(weights, mul(bernoulli(keep, weights.shape), 1 / keep)) : weights;
    return { y: this.#joined(matmul(kept, value)), weights };
  }

  /** Keys and values of a memory [b, s, embedDim], to attend to it again and again: they are what depends on it alone. */
  keysAndValues(memory: Tensor): KeysAndValues {
    const [key, value] = this.#project(memory, 1, 3) as [Tensor, Tensor];
    return { key, value };
  }

  /** An empty cache for self attention over up to `maxLength` positions. */
  makeCache(batch: number, maxLength: number, name?: string): KeyValueCache {
    return new KeyValueCache(batch, this.heads, maxLength, this.embedDim / this.heads, name);
  }

  /** Projections `first` .. `end` − 1 of queries, keys and values: [b, t, e] → [b, heads, t, d] each, from one product. */
  #project(x: Tensor, first: number, end: number): Tensor[] {
    const { embedDim, heads } = this;
    if (x.rank !== 3 || x.shape[2] !== embedDim)
      throw new ShapeError('MultiheadAttention', [x.shape], `[b, t, ${embedDim}]`);
    const rows = [[first * embedDim, end * embedDim]] as const;
    const all = linear(
      x,
      slice(this.in_proj_weight, rows),
      this.in_proj_bias && slice(this.in_proj_bias, rows),
    );
    const [b, t] = x.shape as [number, number];
    const parts = reshape(all, [b, t, end - first, heads, embedDim / heads]);
    return Array.from({ length: end - first }, (_, i) => {
      const part = slice(parts, [null, null, [i, i + 1]]);
      return permute(reshape(part, [b, t, heads, embedDim / heads]), [0, 2, 1, 3]);
    });
  }

  #attended(x: Tensor, { memory, decode, ...masks }: AttendOptions) {
    if (memory) {
      if (decode) throw new ArgumentError('MultiheadAttention', 'memory or decode', 'both');
      const [q] = this.#project(x, 0, 1) as [Tensor];
      return { q, ...('key' in memory ? memory : this.keysAndValues(memory)), masks };
    }
    const [q, key, value] = this.#project(x, 0, 3).map((part, i) =>
      this.#rotary && i < 2 ? this.#rotary.forward(part, decode?.position) : part,
    ) as [Tensor, Tensor, Tensor];
    if (!decode) return { q, key, value, masks };
    const { mask, ...cached } = decode.cache.append({ key, value }, decode.position);
    const both = masks.mask ? and(masks.mask, mask) : mask;
    return { q, ...cached, masks: { ...masks, causal: false, mask: both } };
  }

  /** [b, heads, t, d] → [b, t, e], projected. */
  #joined(y: Tensor): Tensor {
    const [b, , t] = y.shape as [number, number, number];
    return this.out_proj.forward(reshape(permute(y, [0, 2, 1, 3]), [b, t, this.embedDim]));
  }
}
