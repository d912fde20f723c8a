import { add, compile, data, grad, HostRandom, i32, iota, lt, nn, optim, sub, type Tensor } from 'chainrule';
import { atLeast, atMost, example, fit, predict } from './kit/index.ts';
import { Sonnets } from './kit/sonnets.ts';

const [BATCH, WINDOW, WIDTH, HEADS, LAYERS] = [16, 64, 64, 4, 2];
const LETTERS = 400;

/**
 * p(xₜ₊₁ | x₁ … xₜ) = Cat(softmax(W hₜ + b)): h is what layers of causal self-attention make of E x₁ … E xₜ, each of
 * which sees as far back as the windows that it has learned from are long.
 */
class Writer extends nn.Module {
  readonly embedding: nn.Embedding;
  readonly decoder: nn.TransformerEncoder;
  readonly out: nn.Linear;

  constructor(characters: number) {
    super();
    const rotary = new nn.RotaryEncoding(WIDTH / HEADS);
    this.embedding = new nn.Embedding(characters, WIDTH);
    this.decoder = new nn.TransformerEncoder(LAYERS, WIDTH, HEADS, { normFirst: true, rotary });
    this.out = new nn.Linear(WIDTH, characters);
  }

  /** x [b, t] → logits of what follows each character [b, t, characters]; `decode` tells what stands before x. */
  forward(x: Tensor, decode?: nn.StackDecodeStep): Tensor {
    const t = x.shape[1]!;
    const query = add(iota([1, 1, t, 1], 2), decode?.position ?? 0);
    const key = iota([1, 1, 1, decode ? LETTERS : t], 3);
    const masks = { causal: true, ...(decode || t > WINDOW ? { mask: lt(sub(query, key), WINDOW) } : {}) };
    const h = this.decoder.forward(this.embedding.forward(x), { ...masks, ...(decode ? { decode } : {}) });
    return this.out.forward(h);
  }
}

/** A decoder-only Transformer (notes 8) as a language model of the text that the LSTM learns, by the same measure. */
export default example({
  title: 'Decoder-only Transformer: writes sonnets',

  async run({ device, seed, short, log, save }) {
    const steps = short ? 30 : 750;
    const sonnets = await Sonnets.load();
    const { vocabulary } = sonnets;
    const model = new Writer(vocabulary.size);
    const lr = optim.warmup(short ? 10 : 50, optim.cosine(4e-3, steps));
    const optimizer = new optim.AdamW(model.parameters(), { lr, betas: [0.9, 0.98], weightDecay: 0.1 });
    const step = await compile(
      device,
      { x: i32(short ? 8 : BATCH, WINDOW), y: i32(short ? 8 : BATCH, WINDOW) },
      ({ x, y }) => {
        const loss = nn.crossEntropy(model.forward(x), y);
        const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
        return { outputs: { loss }, updates: optimizer.update(grads) };
      },
      { seed },
    );
    const windows = data.windows(sonnets.tokens, { length: WINDOW, stride: WINDOW / 4 });
    await fit(step, windows, { batch: short ? 8 : BATCH, steps, seed, log });
    step.release();

    const caches = model.decoder.makeCaches(1, LETTERS);
    const next = await compile(device, { x: i32(1, 1), position: i32() }, ({ x, position }) => ({
      outputs: { logits: model.forward(x, { caches, position }) },
    }));
    const random = new HostRandom(seed, 'letters');
    const choice = { temperature: short ? 0.3 : 0.7, topK: 20, topP: 0.95 };
    const x = new Int32Array(LETTERS).fill(vocabulary.id('\n'));
    const cached: number[] = [];
    for (let t = 0; t < (short ? 150 : LETTERS); t++) {
      const { logits } = await next({ x: x.slice(t, t + 1), position: Int32Array.of(t) });
      const z = await logits.data();
      cached.push(...z);
      if (t + 1 < LETTERS) x[t + 1] = nn.sampleToken(z, random, choice);
    }
    const text = vocabulary.decode(x);
    await save('written.txt', text);
    const dataset = new data.Dataset({ x }, { x: [LETTERS] });
    const uncached = await predict(device, { x: i32(1, LETTERS) }, (all) => model.forward(all.x), dataset);
    return {
      perplexity: await sonnets.perplexity(device, (x) => model.forward(x)),
      'perplexity of trigrams': sonnets.trigramPerplexity(),
      'known words': sonnets.knownWords(text),
      'largest difference by the cache': Math.max(...cached.map((z, i) => Math.abs(z - uncached[i]!))),
    };
  },

  claims: ({ perplexity, ...figures }, short) => [
    atMost('perplexity : trigrams', perplexity / figures['perplexity of trigrams'], short ? 2.3 : 0.85),
    atLeast('known words', figures['known words'], short ? 0.1 : 0.7),
    atMost('largest difference by the cache', figures['largest difference by the cache'], 1e-3),
  ],
});
