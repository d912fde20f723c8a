import { ArgumentError, requireOneOf, type Tensor } from '../graph/index.ts';
import { add, gelu, relu } from '../ops/index.ts';
import {
  MultiheadAttention,
  type AttendOptions,
  type DecodeStep,
  type KeysAndValues,
  type KeyValueCache,
} from './attention.ts';
import { Dropout, Linear } from './layers.ts';
import { Module } from './module.ts';
import { LayerNorm } from './norm.ts';
import type { RotaryEncoding } from './position.ts';

export interface TransformerLayerOptions {
  /** Width of the feed-forward part; default 4 · embedDim. */
  feedForward?: number;
  /** Default 'relu'; 'gelu' is the exact one. */
  activation?: 'relu' | 'gelu';
  /** Normalise what goes into each part (pre-norm) instead of each sum (post-norm); default false. */
  normFirst?: boolean;
  /** Of each part's result, the feed-forward's hidden layer and the attention weights, in training; default 0. */
  dropout?: number;
  /** Of the layer norms; default 1e-5. */
  eps?: number;
  /** Rotates queries and keys of the self attention. */
  rotary?: RotaryEncoding;
}

/** Masks and decoding of the self attention; see `AttendOptions`. */
export type SelfAttendOptions = Omit<AttendOptions, 'memory'>;

/** What both kinds of layer have: self attention, a feed-forward part, and sums around normalised parts. */
abstract class TransformerLayer extends Module {
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly #normFirst: boolean;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(
    embedDim: number,
    heads: number,
    {
      feedForward = 4 * embedDim,
      activation = 'relu',
      normFirst = false,
      dropout = 0,
      rotary,
    }: TransformerLayerOptions,
  ) {
    super();
    requireOneOf(new.target.name, 'activation', ['relu', 'gelu'], activation);
    this.self_attn = new MultiheadAttention(embedDim, heads, { dropout, ...(rotary ? { rotary } : {}) });
    this.linear1 = new Linear(embedDim, feedForward);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(feedForward, embedDim);
    this.#normFirst = normFirst;
    this.#activation = { relu, gelu: (x: Tensor) => gelu(x) }[activation];
  }

  /** x + part(x), with the norm before the part or after the sum. */
  protected around(x: Tensor, norm: LayerNorm, dropout: Dropout, part: (x: Tensor) => Tensor): Tensor {
    if (this.#normFirst) return add(x, dropout.forward(part(norm.forward(x))));
    return norm.forward(add(x, dropout.forward(part(x))));
  }

  protected feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.#activation(this.linear1.forward(x))));
  }

  /** A cache for decoding up to `maxLength` positions. */
  makeCache(batch: number, maxLength: number, name?: string): KeyValueCache {
    return this.self_attn.makeCache(batch, maxLength, name);
  }
}

/**
 * Self attention and a feed-forward network, each with a residual connection and a layer norm (Vaswani et al. 2017,
 * section 3.1; notes 8). With `causal` it is the layer of a decoder-only language model. x [b, t, embedDim] →
 * [b, t, embedDim]; parameters as in PyTorch: `self_attn`, `linear1`, `linear2`, `norm1`, `norm2`.
 */
export class TransformerEncoderLayer extends TransformerLayer {
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;

  /** @throws ArgumentError unless `heads` divides `embedDim`, and for options outside their domain */
  constructor(embedDim: number, heads: number, options: TransformerLayerOptions = {}) {
    super(embedDim, heads, options);
    const { eps = 1e-5, dropout = 0 } = options;
    this.norm1 = new LayerNorm(embedDim, { eps });
    this.norm2 = new LayerNorm(embedDim, { eps });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
  }

  /** @throws ShapeError or DTypeError when x or a mask does not fit */
  forward(x: Tensor, options: SelfAttendOptions = {}): Tensor {
    const attended = this.around(x, this.norm1, this.dropout1, (h) => this.self_attn.forward(h, options));
    return this.around(attended, this.norm2, this.dropout2, (h) => this.feedForward(h));
  }
}

export interface DecoderAttendOptions extends SelfAttendOptions {
  /** Which positions of the memory are no padding: bool [b, s]. */
  memoryValid?: Tensor;
}

/**
 * Causal self attention, attention to a memory and a feed-forward network, each with a residual connection and a layer
 * norm (Vaswani et al. 2017, section 3.1; notes 8). Parameters as in PyTorch: `self_attn`, `multihead_attn`, `linear1`,
 * `linear2`, `norm1`, `norm2`, `norm3`.
 */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly multihead_attn: MultiheadAttention;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;

  /** @throws ArgumentError unless `heads` divides `embedDim`, and for options outside their domain */
  constructor(embedDim: number, heads: number, options: TransformerLayerOptions = {}) {
    super(embedDim, heads, options);
    const { eps = 1e-5, dropout = 0 } = options;
    this.multihead_attn = new MultiheadAttention(embedDim, heads, { dropout });
    this.norm1 = new LayerNorm(embedDim, { eps });
    this.norm2 = new LayerNorm(embedDim, { eps });
    this.norm3 = new LayerNorm(embedDim, { eps });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
  }

  /**
   * @param x [b, t, embedDim]
   * @param memory [b, s, embedDim], or its keys and values from `multihead_attn.keysAndValues`; default x
   * @returns [b, t, embedDim]
   * @throws ShapeError or DTypeError when x, the memory or a mask does not fit
   */
  forward(
    x: Tensor,
    memory: Tensor | KeysAndValues = x,
    { memoryValid, ...options }: DecoderAttendOptions = {},
  ): Tensor {
    const ofMemory = { memory, ...(memoryValid ? { keyValid: memoryValid } : {}) };
    const self = this.around(x, this.norm1, this.dropout1, (h) =>
      this.self_attn.forward(h, { causal: true, ...options }),
    );
    const cross = this.around(self, this.norm2, this.dropout2, (h) =>
      this.multihead_attn.forward(h, ofMemory),
    );
    return this.around(cross, this.norm3, this.dropout3, (h) => this.feedForward(h));
  }
}

/** One step of decoding through a stack; `caches` from its `makeCaches`. */
export interface StackDecodeStep extends Omit<DecodeStep, 'cache'> {
  readonly caches: readonly KeyValueCache[];
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** A layer norm after the last layer, which pre-norm layers need; default `normFirst`. */
  finalNorm?: boolean;
}

/** Layers one after another, and what follows them. */
abstract class TransformerStack<
  Layer extends TransformerEncoderLayer | TransformerDecoderLayer,
> extends Module {
  readonly layers: readonly Layer[];
  readonly norm: LayerNorm | null;

  constructor(
    layers: number,
    makeLayer: () => Layer,
    embedDim: number,
    { normFirst = false, finalNorm = normFirst, eps = 1e-5 }: TransformerOptions,
  ) {
    super();
    if (!Number.isInteger(layers) || layers < 1)
      throw new ArgumentError(new.target.name, 'a positive number of layers', layers);
    this.layers = Array.from({ length: layers }, makeLayer);
    this.norm = finalNorm ? new LayerNorm(embedDim, { eps }) : null;
  }

  /** Caches for decoding up to `maxLength` positions, one for each layer. */
  makeCaches(batch: number, maxLength: number): KeyValueCache[] {
    return this.layers.map((layer, i) => layer.makeCache(batch, maxLength, `layers.${i}.cache`));
  }

  protected through(x: Tensor, call: (layer: Layer, x: Tensor, i: number) => Tensor): Tensor {
    const y = this.layers.reduce((h, layer, i) => call(layer, h, i), x);
    return this.norm ? this.norm.forward(y) : y;
  }

  protected decodeOf(step: StackDecodeStep | undefined, layer: number): { decode?: DecodeStep } {
    if (!step) return {};
    const cache = step.caches[layer];
    if (!cache || step.caches.length !== this.layers.length)
      throw new ArgumentError(this.constructor.name, `${this.layers.length} caches`, step.caches.length);
    return { decode: { cache, position: step.position } };
  }
}

/** A stack of `TransformerEncoderLayer`, `layers.0` and on: x [b, t, embedDim] → [b, t, embedDim]. */
export class TransformerEncoder extends TransformerStack<TransformerEncoderLayer> {
  /** @throws ArgumentError unless `layers` is a positive integer and `heads` divides `embedDim` */
  constructor(layers: number, embedDim: number, heads: number, options: TransformerOptions = {}) {
    super(layers, () => new TransformerEncoderLayer(embedDim, heads, options), embedDim, options);
  }

  /** @throws ShapeError or DTypeError when x or a mask does not fit, ArgumentError for another number of caches */
  forward(
    x: Tensor,
    { decode, ...masks }: Omit<SelfAttendOptions, 'decode'> & { decode?: StackDecodeStep } = {},
  ): Tensor {
    return this.through(x, (layer, h, i) => layer.forward(h, { ...masks, ...this.decodeOf(decode, i) }));
  }
}

/** A stack of `TransformerDecoderLayer`, `layers.0` and on: x [b, t, embedDim] → [b, t, embedDim]. */
export class TransformerDecoder extends TransformerStack<TransformerDecoderLayer> {
  /** @throws ArgumentError unless `layers` is a positive integer and `heads` divides `embedDim` */
  constructor(layers: number, embedDim: number, heads: number, options: TransformerOptions = {}) {
    super(layers, () => new TransformerDecoderLayer(embedDim, heads, options), embedDim, options);
  }

  /** Keys and values of a memory [b, s, embedDim] for each layer: when decoding, they are the same at every step. */
  keysAndValues(memory: Tensor): KeysAndValues[] {
    return this.layers.map((layer) => layer.multihead_attn.keysAndValues(memory));
  }

  /**
   * @param memory [b, s, embedDim], or its keys and values for each layer; default x
   * @throws ShapeError or DTypeError when x, the memory or a mask does not fit, ArgumentError for another number of caches
   */
  forward(
    x: Tensor,
    memory: Tensor | readonly KeysAndValues[] = x,
    { decode, ...masks }: Omit<DecoderAttendOptions, 'decode'> & { decode?: StackDecodeStep } = {},
  ): Tensor {
    return this.through(x, (layer, h, i) => {
      const ofLayer = Array.isArray(memory) ? (memory as readonly KeysAndValues[])[i]! : (memory as Tensor);
      return layer.forward(h, ofLayer, { ...masks, ...this.decodeOf(decode, i) });
    });
  }
}
