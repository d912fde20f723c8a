import { compile, f32, grad, i32, metrics, nn, optim } from 'chainrule';
import { atLeast, example, fit, mnist, predict } from './kit/index.ts';

const BATCH = 100;

/**
 * A classifier p(y | x) = Cat(y | softmax(z)) of digits (notes 1.2 to 1.4):
 *
 *     h₁ = σ(W₁ x + b₁),  h₂ = σ(W₂ h₁ + b₂),  z = W₃ h₂ + b₃
 *
 * fitted by minimising the cross-entropy −mean log p(y | x) with Adam.
 */
export default example({
  title: 'Multilayer perceptron: reads handwritten digits',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist();
    const steps = short ? 100 : 600;

    const model = new nn.Sequential(
      new nn.Linear(784, 128),
      new nn.ReLU(),
      new nn.Linear(128, 64),
      new nn.ReLU(),
      new nn.Linear(64, 10),
    );
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(4e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 784), y: i32(BATCH) },
      ({ x, y }) => {
        const loss = nn.crossEntropy(model.forward(x), y);
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train, { batch: BATCH, steps, seed, log });

    const z = await predict(device, { x: f32(500, 784) }, ({ x }) => model.forward(x), test);
    return { accuracy: metrics.accuracy(z, test.columns.y) };
  },

  claims: ({ accuracy }, short) => [atLeast('test accuracy', accuracy, short ? 0.88 : 0.95)],
});
