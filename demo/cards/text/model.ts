import { add, compile, concat, eq, grad, i32, iota, lt, nn, optim, Parameter } from 'chainrule';
import { relu, sub, where, type Device, type HostRandom, type Tensor } from 'chainrule';

export interface Settings {
  model: 'RNN' | 'GRU' | 'LSTM' | 'Transformer';
  depth: number;
  hidden: number;
  heads: number;
  context: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** Reads a text one character after the other: hₜ is all that it keeps of x₁ … xₜ. */
class Recurrent extends nn.Module {
  embedding: nn.Embedding;
  layers: nn.RNN | nn.GRU | nn.LSTM;
  out: nn.Linear;
  #memory: Record<string, Parameter>;

  constructor(kind: 'RNN' | 'GRU' | 'LSTM', characters: number, { depth, hidden }: Settings) {
    super();
    const options = { numLayers: depth };
    this.embedding = new nn.Embedding(characters, hidden);
    this.layers = {
      RNN: () => new nn.RNN(hidden, hidden, options),
      GRU: () => new nn.GRU(hidden, hidden, options),
      LSTM: () => new nn.LSTM(hidden, hidden, options),
    }[kind]();
    this.out = new nn.Linear(hidden, characters);
    const state = () => new Parameter([depth, 1, hidden], nn.init.zeros, { trainable: false });
    this.#memory = kind === 'LSTM' ? { h: state(), c: state() } : { h: state() };
  }

  /** x [b, t] → logits of what follows each character [b, t, characters] */
  forward(x: Tensor): Tensor {
    return this.out.forward(this.layers.forward(this.embedding.forward(x)));
  }

  /** The same for one more character of a text; `maps` are hₜ and cₜ [depth, 1 or 2, hidden]. */
  next(x: Tensor, position: Tensor) {
    const e = this.embedding.forward(x);
    const before = Object.entries(this.#memory).map(
      ([name, state]) => [name, where(eq(position, 0), 0, state)] as const,
    );
    const { output, ...after } = this.layers.unroll(e, Object.fromEntries(before));
    const states = Object.entries<Tensor>(after);
    return {
      logits: this.out.forward(output),
      maps: concat(Object.values<Tensor>(after), 1),
      updates: states.map(([name, state]) => [this.#memory[name]!, state] as const),
    };
  }
}

/** Causal self-attention, then a small network at each place; both add to what they read. */
class Block extends nn.Module {
  norm1: nn.LayerNorm;
  attention: nn.MultiheadAttention;
  norm2: nn.LayerNorm;
  up: nn.Linear;
  down: nn.Linear;

  constructor(hidden: number, heads: number) {
    super();
    const rotary = new nn.RotaryEncoding(hidden / heads);
    this.norm1 = new nn.LayerNorm(hidden);
    this.attention = new nn.MultiheadAttention(hidden, heads, { rotary });
    this.norm2 = new nn.LayerNorm(hidden);
    this.up = new nn.Linear(hidden, 4 * hidden);
    this.down = new nn.Linear(4 * hidden, hidden);
  }

  read(x: Tensor, options: nn.AttendOptions) {
    const { y, weights } = this.attention.withWeights(this.norm1.forward(x), options);
    const a = add(x, y);
    const h = add(a, this.down.forward(relu(this.up.forward(this.norm2.forward(a)))));
    return { h, weights };
  }

  forward(x: Tensor): Tensor {
    return this.read(x, { causal: true }).h;
  }
}

/** Reads all of a text at once: every character looks back at those before it. */
class Transformer extends nn.Module {
  embedding: nn.Embedding;
  blocks: Block[];
  norm: nn.LayerNorm;
  out: nn.Linear;
  #context: number;
  #caches: nn.KeyValueCache[];

  constructor(characters: number, letters: number, settings: Settings) {
    super();
    const { context, depth, heads, hidden } = settings;
    this.embedding = new nn.Embedding(characters, hidden);
    this.blocks = Array.from({ length: depth }, () => new Block(hidden, heads));
    this.norm = new nn.LayerNorm(hidden);
    this.out = new nn.Linear(hidden, characters);
    this.#context = context;
    this.#caches = this.blocks.map(({ attention }) => attention.makeCache(1, letters));
  }

  forward(x: Tensor): Tensor {
    const h = this.blocks.reduce((h, block) => block.forward(h), this.embedding.forward(x));
    return this.out.forward(this.norm.forward(h));
  }

  /** One more character of a text; `maps` are its weights for each [depth, heads, letters]. */
  next(x: Tensor, position: Tensor) {
    let h = this.embedding.forward(x);
    const maps = this.blocks.map((block, k) => {
      const cache = this.#caches[k]!;
      const key = iota([1, 1, 1, cache.key.shape[2]!], 3);
      const isNear = lt(sub(position, key), this.#context);
      const read = block.read(h, { decode: { cache, position }, mask: isNear });
      h = read.h;
      return read.weights;
    });
    return { logits: this.out.forward(this.norm.forward(h)), maps: concat(maps), updates: [] };
  }
}

/**
 * A language model of characters, p(xₜ₊₁ | x₁ … xₜ) = softmax(zₜ).
 *
 * @param characters how many there are
 * @param letters how many are written
 */
export async function build(
  device: Device,
  settings: Settings,
  { characters, letters }: { characters: number; letters: number },
) {
  const { model: kind, batch, context, lr, seed } = settings;
  const model =
    kind === 'Transformer'
      ? new Transformer(characters, letters, settings)
      : new Recurrent(kind, characters, settings);
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { x: i32(batch, context), y: i32(batch, context) },
    ({ x, y }) => {
      const z = model.forward(x);
      const loss = nn.crossEntropy(z, y);
      const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
      return { outputs: { loss }, updates: optimizer.update(grads) };
    },
    { seed },
  );

  const test = await compile(
    device,
    { x: i32(1, context), y: i32(1, context) },
    ({ x, y }) => ({ outputs: { loss: nn.crossEntropy(model.forward(x), y) } }),
    { seed },
  );

  const next = await compile(
    device,
    { x: i32(1, 1), position: i32() },
    ({ x, position }) => {
      const { logits, maps, updates } = model.next(x, position);
      return { outputs: { logits, maps }, updates };
    },
    { seed },
  );

  /** Continues a text; also what `next` maps at each of its characters. */
  async function write(prompt: Int32Array, random: HostRandom, options: nn.SamplingOptions) {
    const text = [...prompt];
    const maps: Float32Array[] = [];
    for (let t = 0; t < letters; t++) {
      const read = await next({ x: Int32Array.of(text[t]!), position: Int32Array.of(t) });
      const [z, map] = await Promise.all([read.logits.data(), read.maps.data()]);
      maps.push(map as Float32Array);
      if (!z.every(Number.isFinite)) break; // it has diverged
      if (t + 1 >= text.length) text.push(nn.sampleToken(z, random, options));
    }
    return { text, maps };
  }
  return { model, optimizer, train, test, write };
}
