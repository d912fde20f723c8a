import { add, argmax, compile, concat, eq, fill, grad, i32, iota, ne, nn, optim } from 'chainrule';
import { relu, scan, slice, where, type Device, type Tensor } from 'chainrule';

export interface Settings {
  depth: number;
  hidden: number;
  heads: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

export interface Sizes {
  characters: number;
  /** Lengths of x, with its padding, and of y. */
  written: number;
  iso: number;
}

/** Ids of what is no character: it fills up x, or stands before y₁. */
export const [PADDING, START] = [0, 1];

/** Each place of y looks at a memory, or at y itself, and adds what it finds. */
class Attention extends nn.Module {
  norm: nn.LayerNorm;
  heads: nn.MultiheadAttention;

  constructor({ heads, hidden }: Settings) {
    super();
    this.norm = new nn.LayerNorm(hidden);
    this.heads = new nn.MultiheadAttention(hidden, heads);
  }

  /** Also the weights of all that each head looks at [b, heads, t, s]. */
  look(y: Tensor, options: nn.AttendOptions) {
    const found = this.heads.withWeights(this.norm.forward(y), options);
    return { y: add(y, found.y), weights: found.weights };
  }

  forward(y: Tensor, options: nn.AttendOptions = {}): Tensor {
    return this.look(y, options).y;
  }
}

/** A small network at each place, added to what it reads. */
class FeedForward extends nn.Module {
  norm: nn.LayerNorm;
  up: nn.Linear;
  down: nn.Linear;

  constructor({ hidden }: Settings) {
    super();
    this.norm = new nn.LayerNorm(hidden);
    this.up = new nn.Linear(hidden, 4 * hidden);
    this.down = new nn.Linear(4 * hidden, hidden);
  }

  forward(a: Tensor): Tensor {
    return add(a, this.down.forward(relu(this.up.forward(this.norm.forward(a)))));
  }
}

class EncoderLayer extends nn.Module {
  self: Attention;
  feed: FeedForward;

  constructor(settings: Settings) {
    super();
    this.self = new Attention(settings);
    this.feed = new FeedForward(settings);
  }

  forward(x: Tensor, options: nn.AttendOptions = {}): Tensor {
    return this.feed.forward(this.self.forward(x, options));
  }
}

/** The same with a look at what the encoder made of x. */
class DecoderLayer extends EncoderLayer {
  cross: Attention;

  constructor(settings: Settings) {
    super(settings);
    this.cross = new Attention(settings);
  }

  translate(y: Tensor, encoded: Encoded) {
    const found = this.cross.look(this.self.forward(y, { causal: true }), encoded);
    return { y: this.feed.forward(found.y), weights: found.weights };
  }
}

/** What the encoder made of each place of x, and which of them are no padding. */
interface Encoded {
  memory: Tensor;
  keyValid: Tensor;
}

/** Reads a written date x, and writes y: p(y | x) = Π p(yₜ | y₁ … yₜ₋₁, x). */
class Translator extends nn.Module {
  embedding: nn.Embedding;
  position: nn.SinusoidalEncoding;
  encoder: EncoderLayer[];
  encoderNorm: nn.LayerNorm;
  decoder: DecoderLayer[];
  decoderNorm: nn.LayerNorm;
  out: nn.Linear;
  #iso: number;

  constructor({ characters, iso, written }: Sizes, settings: Settings) {
    super();
    const { depth, hidden } = settings;
    this.embedding = new nn.Embedding(characters, hidden);
    this.position = new nn.SinusoidalEncoding(Math.max(written, iso), hidden);
    this.encoder = Array.from({ length: depth }, () => new EncoderLayer(settings));
    this.encoderNorm = new nn.LayerNorm(hidden);
    this.decoder = Array.from({ length: depth }, () => new DecoderLayer(settings));
    this.decoderNorm = new nn.LayerNorm(hidden);
    this.out = new nn.Linear(hidden, characters);
    this.#iso = iso;
  }

  embed = (ids: Tensor) => this.position.forward(this.embedding.forward(ids));

  encode(x: Tensor): Encoded {
    const keyValid = ne(x, PADDING);
    const h = this.encoder.reduce((h, layer) => layer.forward(h, { keyValid }), this.embed(x));
    return { memory: this.encoderNorm.forward(h), keyValid };
  }

  /** Logits z of each yₜ from those before it, and where heads look [b, depth · heads, t, s]. */
  decode(y: Tensor, encoded: Encoded) {
    const start = fill(START, [y.shape[0]!, 1], 'i32');
    let h = this.embed(concat([start, slice(y, [null, [0, -1]])], 1));
    const weights: Tensor[] = [];
    for (const layer of this.decoder) {
      const next = layer.translate(h, encoded);
      h = next.y;
      weights.push(next.weights);
    }
    return { z: this.out.forward(this.decoderNorm.forward(h)), weights: concat(weights, 1) };
  }

  /** The likeliest yₜ after those that it has written before, and where it looked. */
  translate(x: Tensor) {
    const encoded = this.encode(x);
    const write = (y: Tensor, t: Tensor) => {
      const likeliest = argmax(this.decode(y, encoded).z);
      return [where(eq(iota([this.#iso], 0), t), likeliest, y), t] as const;
    };
    const nothing = fill(PADDING, [x.shape[0]!, this.#iso], 'i32');
    const y = scan(write, nothing, iota([this.#iso], 0)).carry;
    return { y, weights: this.decode(y, encoded).weights };
  }

  forward(x: Tensor): Tensor {
    return this.translate(x).y;
  }
}

export async function build(device: Device, settings: Settings, sizes: Sizes) {
  const { batch, lr, seed } = settings;
  const { iso, written } = sizes;
  const model = new Translator(sizes, settings);
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { x: i32(batch, written), y: i32(batch, iso) },
    ({ x, y }) => {
      const { z } = model.decode(y, model.encode(x));
      const loss = nn.crossEntropy(z, y);
      const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
      return { outputs: { loss }, updates: optimizer.update(grads) };
    },
    { seed },
  );

  // y is read exactly when each of its characters is the likeliest after the right ones before it
  const test = await compile(
    device,
    { x: i32(1, written), y: i32(1, iso) },
    ({ x, y }) => ({ outputs: { likeliest: argmax(model.decode(y, model.encode(x)).z) } }),
    { seed },
  );

  const translate = await compile(
    device,
    { x: i32(1, written) },
    ({ x }) => ({ outputs: model.translate(x) }),
    { seed },
  );
  return { model, optimizer, train, test, translate };
}
