import { compile, data, distributions, div, f32, fill, grad, i32, iota, nn, optim } from 'chainrule';
import { scan, type Tensor } from 'chainrule';
import { atLeast, atMost, example, fit } from './kit/index.ts';
import { Sonnets } from './kit/sonnets.ts';

const [BATCH, WINDOW, EMBEDDING, HIDDEN] = [8, 64, 32, 128];
const LETTERS = 700;

/** p(xₜ₊₁ | x₁ … xₜ) = Cat(softmax(zₜ)), zₜ = W hₜ + b, (hₜ, cₜ) = LSTM(E xₜ, hₜ₋₁, cₜ₋₁). */
class Writer extends nn.Module {
  readonly embedding: nn.Embedding;
  readonly lstm = new nn.LSTM(EMBEDDING, HIDDEN);
  readonly out: nn.Linear;

  constructor(characters: number) {
    super();
    this.embedding = new nn.Embedding(characters, EMBEDDING);
    this.out = new nn.Linear(HIDDEN, characters);
  }

  /** x [b, t] → z [b, t, characters] */
  forward = (x: Tensor): Tensor => this.out.forward(this.lstm.forward(this.embedding.forward(x)));

  /** Draws xₜ₊₁ from Cat(softmax(zₜ / temperature)), and goes on from there. */
  write(first: number, temperature: Tensor): Tensor {
    const zeros = fill(0, [1, 1, HIDDEN]);
    const start = { x: fill(first, [1, 1], 'i32'), h: zeros, c: zeros };
    const step = ({ x, ...before }: typeof start) => {
      const { output, ...state } = this.lstm.unroll(this.embedding.forward(x), before);
      const z = this.out.forward(output);
      const next = new distributions.Categorical(div(z, temperature)).sample();
      return [{ x: next, ...state }, next] as const;
    };
    return scan(step, start, iota([LETTERS], 0)).ys;
  }
}

/**
 * A language model of Shakespeare's sonnets, character by character, by long short-term memory (notes 7.3), and what it
 * writes. The yardstick knows the two characters before, and has counts for probabilities.
 */
export default example({
  title: 'LSTM: writes sonnets',

  async run({ device, seed, short, log, save }) {
    const steps = short ? 30 : 450;
    const sonnets = await Sonnets.load();
    const { vocabulary } = sonnets;
    const model = new Writer(vocabulary.size);
    const lr = optim.cosine(0.02, steps);
    const optimizer = new optim.Adam(model.parameters(), { lr, betas: [0.9, 0.99] });
    const step = await compile(
      device,
      { x: i32(BATCH, WINDOW), y: i32(BATCH, WINDOW) },
      ({ x, y }) => {
        const loss = nn.crossEntropy(model.forward(x), y);
        const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
        return { outputs: { loss }, updates: optimizer.update(grads) };
      },
      { seed },
    );
    const windows = data.windows(sonnets.tokens, { length: WINDOW, stride: WINDOW / 2 });
    await fit(step, windows, { batch: BATCH, steps, seed, log });

    const write = await compile(
      device,
      { temperature: f32(1) },
      ({ temperature }) => ({ outputs: { ids: model.write(vocabulary.id('\n'), temperature) } }),
      { seed },
    );
    const figures = {
      perplexity: await sonnets.perplexity(device, model.forward),
      'perplexity of trigrams': sonnets.trigramPerplexity(),
      'known words': 0,
    };
    for (const temperature of [1, 0.5]) {
      const { ids } = await write({ temperature: Float32Array.of(temperature) });
      const text = vocabulary.decode(await ids.data());
      await save(`temperature-${temperature}.txt`, text);
      figures['known words'] = sonnets.knownWords(text);
    }
    return figures;
  },

  claims: ({ perplexity, ...figures }, short) => [
    atMost('perplexity : trigrams', perplexity / figures['perplexity of trigrams'], short ? 2 : 0.85),
    atLeast('known words at temperature 0.5', figures['known words'], short ? 0.1 : 0.7),
  ],
});
