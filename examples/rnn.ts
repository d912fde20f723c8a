import { compile, f32, grad, i32, max, metrics, nn, optim, reshape, type Tensor } from 'chainrule';
import { atLeast, example, fit, mnist, predict } from './kit/index.ts';

const [BATCH, ROWS, PIXELS, HIDDEN] = [32, 28, 28, 64];

/** z = W maxₜ hₜ + b: h is [b, t, features], and the largest value of each feature over time speaks. */
class Reader extends nn.Module {
  readonly rnn: nn.RNN;
  readonly out: nn.Linear;

  constructor(rnn: nn.RNN, features: number) {
    super();
    this.rnn = rnn;
    this.out = new nn.Linear(features, 10);
  }

  forward(x: Tensor): Tensor {
    const h = this.rnn.forward(reshape(x, [-1, ROWS, PIXELS]));
    return this.out.forward(max(h, { axes: 1 }));
  }
}

/** Two layers: h⁽ˡ⁾ₜ = tanh(W⁽ˡ⁾ h⁽ˡ⁻¹⁾ₜ + W⁽→ˡ⁾ h⁽ˡ⁾ₜ₋₁ + b⁽ˡ⁾), with the rows of the image as h⁽⁰⁾. */
const deep = () => new Reader(new nn.RNN(PIXELS, HIDDEN, { numLayers: 2 }), HIDDEN);

/** Two directions: h⁽ᶠ⁾ reads from the top, h⁽ᵇ⁾ from the bottom, and hₜ = [h⁽ᶠ⁾ₜ; h⁽ᵇ⁾ₜ]. */
const bidirectional = () => new Reader(new nn.RNN(PIXELS, HIDDEN, { bidirectional: true }), 2 * HIDDEN);

/** Deep and bidirectional recurrence (notes 7.2): digits as sequences x₁ … x₂₈ of rows. */
export default example({
  title: 'Recurrent networks, deep and bidirectional: read digits row by row',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist();
    const steps = short ? 50 : 1000;
    const tested = short ? test.subset(Array.from({ length: 1000 }, (_, i) => i)) : test;

    async function accuracyOf(model: Reader): Promise<number> {
      const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(6e-3, steps) });
      const step = await compile(
        device,
        { x: f32(BATCH, 784), y: i32(BATCH) },
        ({ x, y }) => {
          const loss = nn.crossEntropy(model.forward(x), y);
          const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
          return { outputs: { loss }, updates: optimizer.update(grads) };
        },
        { seed },
      );
      await fit(step, train, { batch: BATCH, steps, seed, log });
      const z = await predict(device, { x: f32(500, 784) }, ({ x }) => model.forward(x), tested);
      return metrics.accuracy(z, tested.columns.y);
    }
    return { deep: await accuracyOf(deep()), bidirectional: await accuracyOf(bidirectional()) };
  },

  claims: ({ deep, bidirectional }, short) => [
    atLeast('test accuracy, deep', deep, short ? 0.3 : 0.95),
    atLeast('test accuracy, bidirectional', bidirectional, short ? 0.3 : 0.95),
  ],
});
