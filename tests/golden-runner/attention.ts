import {
  add,
  attentionWeights,
  cast,
  mul,
  ne,
  nn,
  scaledDotProductAttention,
  type Tensor,
} from '../../src/index.ts';
import type { Attrs } from './case.ts';
import { withParametersOf, type Formula, type Operands } from './formula.ts';
import type { Training } from './train.ts';

/** The masks of a case; the set stores key masks as integers. */
function masksOf(t: Operands, attrs: Attrs) {
  attrs.describes('key_mask');
  const keyValid = t.orNull('key_valid');
  return { causal: attrs.get('causal', false), ...(keyValid && { keyValid: cast(keyValid, 'bool') }) };
}

function layerOptions(attrs: Attrs): nn.TransformerLayerOptions {
  attrs.only('activation', 'relu', 'gelu');
  return {
    feedForward: attrs.get('ff'),
    activation: attrs.get('activation', 'relu'),
    normFirst: attrs.get('norm_first', false),
    eps: attrs.get('eps', 1e-5),
  };
}

/** Golden operation → formula. */
export const attentionFormulas: Readonly<Record<string, Formula>> = {
  sdpa(t, attrs) {
    const [q, k, v] = [t.get('q'), t.get('k'), t.get('v')];
    const masks = masksOf(t, attrs);
    return { y: scaledDotProductAttention(q, k, v, masks), weights: attentionWeights(q, k, masks) };
  },
  multi_head_attention(t, attrs) {
    attrs.describes('kind');
    const x = t.get('x');
    const layer = new nn.MultiheadAttention(x.shape[2]!, attrs.get('heads'), { bias: attrs.get('bias') });
    const options = { ...masksOf(t, attrs), ...t.present('memory') };
    const { weights } = layer.withWeights(x, options);
    return withParametersOf(t, layer, { y: layer.forward(x, options), weights });
  },
  transformer_encoder_layer(t, attrs) {
    const x = t.get('x');
    const layer = new nn.TransformerEncoderLayer(x.shape[2]!, attrs.get('heads'), layerOptions(attrs));
    return withParametersOf(t, layer, { y: layer.forward(x, masksOf(t, attrs)) });
  },
  transformer_decoder_layer(t, attrs) {
    const x = t.get('x');
    const layer = new nn.TransformerDecoderLayer(x.shape[2]!, attrs.get('heads'), layerOptions(attrs));
    const { keyValid } = masksOf(t, attrs);
    const y = layer.forward(x, t.get('memory'), keyValid && { memoryValid: keyValid });
    return withParametersOf(t, layer, { y });
  },
};

/** The layer of a parameter-count spec [type, embedDim, { heads, ff? }]; it takes [1, 1, embedDim]. */
export function attentionLayer(type: string, embedDim: number, options: Attrs): nn.Module {
  const heads = options.get<number>('heads');
  if (type === 'multi_head_attention') return new nn.MultiheadAttention(embedDim, heads);
  const Layer =
    type === 'transformer_encoder_layer' ? nn.TransformerEncoderLayer : nn.TransformerDecoderLayer;
  return new Layer(embedDim, heads, { feedForward: options.get('ff') });
}

class DecoderLm extends nn.Module {
  readonly tok: nn.Embedding;
  readonly pos: nn.LearnedEncoding;
  readonly layers: readonly nn.TransformerEncoderLayer[];
  readonly norm: nn.LayerNorm;
  readonly head: nn.Linear;

  constructor(attrs: Attrs) {
    super();
    const [vocab, width] = [attrs.get<number>('vocab'), attrs.get<number>('d_model')];
    const layer = () => new nn.TransformerEncoderLayer(width, attrs.get('heads'), layerOptions(attrs));
    this.tok = new nn.Embedding(vocab, width);
    this.pos = new nn.LearnedEncoding(attrs.get('length'), width);
    this.layers = Array.from({ length: attrs.get('layers') }, layer);
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, vocab, { bias: false });
  }

  forward(x: Tensor): Tensor {
    const embedded = this.pos.forward(this.tok.forward(x));
    const h = this.layers.reduce((hidden, layer) => layer.forward(hidden, { causal: true }), embedded);
    return this.head.forward(this.norm.forward(h));
  }
}

class EncoderDecoder extends nn.Module {
  readonly src_emb: nn.Embedding;
  readonly tgt_emb: nn.Embedding;
  readonly enc: readonly nn.TransformerEncoderLayer[];
  readonly dec: readonly nn.TransformerDecoderLayer[];
  readonly head: nn.Linear;
  readonly #width: number;

  constructor(attrs: Attrs) {
    super();
    const [width, heads] = [attrs.get<number>('d_model'), attrs.get<number>('heads')];
    const options = layerOptions(attrs);
    this.src_emb = new nn.Embedding(attrs.get('src_vocab'), width);
    this.tgt_emb = new nn.Embedding(attrs.get('tgt_vocab'), width);
    this.enc = Array.from(
      { length: attrs.get('enc_layers') },
      () => new nn.TransformerEncoderLayer(width, heads, options),
    );
    this.dec = Array.from(
      { length: attrs.get('dec_layers') },
      () => new nn.TransformerDecoderLayer(width, heads, options),
    );
    this.head = new nn.Linear(width, attrs.get('tgt_vocab'));
    this.#width = width;
  }

  /** Token 0 of `src` is padding. */
  forward(src: Tensor, tgt = src): Tensor {
    const embedded = (table: nn.Embedding, tokens: Tensor) =>
      add(mul(table.forward(tokens), Math.sqrt(this.#width)), nn.sinusoids(tokens.shape[1]!, this.#width));
    const valid = ne(src, 0);
    const memory = this.enc.reduce(
      (h, layer) => layer.forward(h, { keyValid: valid }),
      embedded(this.src_emb, src),
    );
    const decoded = this.dec.reduce(
      (h, layer) => layer.forward(h, memory, { memoryValid: valid }),
      embedded(this.tgt_emb, tgt),
    );
    return this.head.forward(decoded);
  }
}

function decoderLm(attrs: Attrs): Training {
  const model = new DecoderLm(attrs);
  return { model, losses: ({ x, y }) => ({ loss: nn.crossEntropy(model.forward(x!), y!) }) };
}

function encoderDecoder(attrs: Attrs): Training {
  const model = new EncoderDecoder(attrs);
  return {
    model,
    losses: ({ src, tgt_in, tgt_out }) => ({
      loss: nn.crossEntropy(model.forward(src!, tgt_in), tgt_out!),
    }),
  };
}

export const attentionTrainings: Readonly<Record<string, (attrs: Attrs) => Training>> = {
  train_decoder_lm: decoderLm,
  train_encdec_transformer: encoderDecoder,
};
