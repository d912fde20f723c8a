import { argmax, cast, compile, concat, eq, fill, grad, i32, iota, ne, nn, optim } from 'chainrule';
import { permute, reshape, scan, slice, sum, type Tensor, where } from 'chainrule';
import { atLeast, example, fit, predict } from './kit/index.ts';
import { END, Numerals, PADDING, S, START, T } from './kit/numerals.ts';

const [BATCH, EMBEDDING, HIDDEN] = [64, 32, 64];

/**
 * The encoder reads x₁ … x_T, its last state is where the decoder starts, and that writes y₁ … y_S from what it wrote before:
 *
 *     (h, c) = LSTM(x),  (sₜ, dₜ) = LSTM(yₜ₋₁, sₜ₋₁, dₜ₋₁),  (s₀, d₀) = (h, c),
 *     p(yₜ | y₁ … yₜ₋₁, x) = Cat(softmax(W sₜ + b)),  p(y | x) = Πₜ p(yₜ | y₁ … yₜ₋₁, x).
 */
class Translator extends nn.Module {
  readonly encoder = new nn.LSTM(EMBEDDING, HIDDEN);
  readonly decoder = new nn.LSTM(EMBEDDING, HIDDEN);
  readonly embedding: nn.Embedding;
  readonly out: nn.Linear;

  constructor(characters: number) {
    super();
    this.embedding = new nn.Embedding(characters, EMBEDDING);
    this.out = new nn.Linear(HIDDEN, characters);
  }

  /** x [b, T] → its state at the end of each x. */
  encode(x: Tensor): nn.LSTMState {
    const lengths = sum(cast(ne(x, PADDING), 'i32'), { axes: 1 });
    const { h, c } = this.encoder.unroll(this.embedding.forward(x), { lengths });
    return { h, c };
  }

  /** yₜ₋₁ [b, t] → logits of yₜ [b, t, characters], and the state after the last. */
  decode(before: Tensor, start: nn.LSTMState) {
    const { output, ...state } = this.decoder.unroll(this.embedding.forward(before), start);
    return { logits: this.out.forward(output), state };
  }

  /** −log p(y | x), with the true y for what was written before (teacher forcing). */
  loss(x: Tensor, y: Tensor): Tensor {
    const before = concat([fill(START, [x.shape[0]!, 1], 'i32'), slice(y, [null, [0, -1]])], 1);
    const { logits } = this.decode(before, this.encode(x));
    const perToken = nn.crossEntropy(logits, y, { reduction: 'none' });
    return nn.sequenceLoss(perToken, ne(y, PADDING), { per: 'sequence' });
  }

  /** The likeliest yₜ after what it wrote itself: x [b, T] → y [b, S]. */
  forward(x: Tensor): Tensor {
    const start = { y: fill(START, [x.shape[0]!, 1], 'i32'), ...this.encode(x) };
    const step = ({ y, ...before }: typeof start) => {
      const { logits, state } = this.decode(y, before);
      const next = where(eq(y, END), y, argmax(logits));
      return [{ y: next, ...state }, next] as const;
    };
    return reshape(permute(scan(step, start, iota([S], 0)).ys, [1, 0, 2]), [-1, S]);
  }
}

export default example({
  title: 'Sequence to sequence: LSTMs read Roman numerals',

  async run({ device, seed, short, log, save }) {
    const steps = short ? 120 : 1000;
    const numerals = new Numerals(seed);
    const model = new Translator(numerals.characters.size);
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(short ? 0.02 : 0.01, steps) });
    const step = await compile(
      device,
      { x: i32(short ? 32 : BATCH, T), y: i32(short ? 32 : BATCH, S) },
      ({ x, y }) => {
        const loss = model.loss(x, y);
        const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
        return { outputs: { loss }, updates: optimizer.update(grads) };
      },
      { seed },
    );
    await fit(step, numerals.train, { batch: short ? 32 : BATCH, steps, seed, log });

    const { heldOut } = numerals;
    const read = await predict(device, { x: i32(heldOut.length, T) }, ({ x }) => model.forward(x), heldOut);
    const written = numerals.decode(read, S);
    const truth = numerals.decode(heldOut.columns.y, S);
    const lines = numerals
      .decode(heldOut.columns.x, T)
      .map((roman, i) => `${roman} ${written[i]} ${written[i] === truth[i] ? '' : truth[i]}`);
    await save('numerals.txt', lines.slice(0, 50).join('\n'));
    return { exact: written.filter((text, i) => text === truth[i]).length / truth.length };
  },

  claims: ({ exact }, short) => [atLeast('exact match on unseen numerals', exact, short ? 0.02 : 0.9)],
});
