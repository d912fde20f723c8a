import { compile, fill, grad, i32, metrics, nn, optim, type Tensor } from 'chainrule';
import { atLeast, example, fit, predict } from './kit/index.ts';
import { NONE, SonnetsWithoutVowels, VOWELS } from './kit/vowels.ts';

const [BATCH, EMBEDDING, WIDTH] = [16, 32, 64];

/** A tag at each place t of x: p(yₜ | x) = Cat(softmax(W hₜ + b)), where h is what a network makes of E x₁ … E x_T. */
class Tagger extends nn.Module {
  readonly embedding: nn.Embedding;
  readonly rnn: nn.RNN;
  readonly out = new nn.Linear(WIDTH, VOWELS.length);

  constructor(characters: number, rnn: nn.RNN) {
    super();
    this.embedding = new nn.Embedding(characters, EMBEDDING);
    this.rnn = rnn;
  }

  /** x [b, t], of which the first `lengths` [b] count → logits [b, t, vowels] */
  forward(x: Tensor, lengths = fill(x.shape[1]!, [x.shape[0]!], 'i32')): Tensor {
    const { output } = this.rnn.unroll(this.embedding.forward(x), { lengths });
    return this.out.forward(output);
  }
}

/** hₜ has read x₁ … xₜ. */
const forward = () => new nn.RNN(EMBEDDING, WIDTH);

/** hₜ = [h⁽ᶠ⁾ₜ; h⁽ᵇ⁾ₜ], where h⁽ᶠ⁾ₜ has read x₁ … xₜ and h⁽ᵇ⁾ₜ x_T … xₜ, each with half the width. */
const bidirectional = () => new nn.RNN(EMBEDDING, WIDTH / 2, { bidirectional: true });

/**
 * Bidirectional recurrence (notes 7.2) for tagging: which vowel stands in each gap of `sh*ll * c*mp*r* th** t* * s*mm*r's
 * d*y?` Much of that is in the letters that follow. The yardstick is a network of the same width, and with more
 * parameters, that reads forward only.
 */
export default example({
  title: 'Bidirectional RNN: puts the vowels back into sonnets',

  async run({ device, seed, short, log, save }) {
    const steps = short ? 40 : 600;
    const sonnets = await SonnetsWithoutVowels.load();
    const { characters, length, train, test } = sonnets;

    async function logitsOf(rnn: nn.RNN): Promise<Float32Array> {
      const model = new Tagger(characters, rnn);
      const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(0.01, steps) });
      const step = await compile(
        device,
        { x: i32(BATCH, length), y: i32(BATCH, length), lengths: i32(BATCH) },
        ({ x, y, lengths }) => {
          const loss = nn.crossEntropy(model.forward(x, lengths), y, { ignoreIndex: NONE });
          const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
          return { outputs: { loss }, updates: optimizer.update(grads) };
        },
        { seed },
      );
      await fit(step, train, { batch: BATCH, steps, seed, log });
      step.release();
      const all = { x: i32(test.length, length), lengths: i32(test.length) };
      return predict(device, all, ({ x, lengths }) => model.forward(x, lengths), test);
    }

    const [one, both] = [await logitsOf(forward()), await logitsOf(bidirectional())];
    const [oneFilled, bothFilled] = [sonnets.filled(one), sonnets.filled(both)];
    const texts = sonnets.tested().map(({ line, gapped }, i) => [gapped, oneFilled[i], bothFilled[i], line]);
    const names = ['gaps', 'forward', 'bidirectional', 'Shakespeare'];
    const rows = texts.slice(0, 28).map((row) => row.map((text, i) => `${names[i]!.padEnd(15)}${text}`));
    await save('lines.txt', rows.map((row) => row.join('\n')).join('\n\n'));
    const accuracy = (z: Float32Array) => metrics.accuracy(z, test.columns.y, { ignoreIndex: NONE });
    return { forward: accuracy(one), bidirectional: accuracy(both) };
  },

  claims: (figures, short) => [
    atLeast('accuracy, bidirectional', figures.bidirectional, short ? 0.4 : 0.65),
    atLeast('above forward only', figures.bidirectional - figures.forward, short ? 0.03 : 0.1),
  ],
});
