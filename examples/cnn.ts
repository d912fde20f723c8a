import { compile, f32, grad, i32, metrics, nn, optim } from 'chainrule';
import { atLeast, atMost, example, fit, mnist, predict } from './kit/index.ts';

const BATCH = 50;

/**
 * A convolutional classifier of digits (notes 6; LeNet's shape, LeCun et al. 1998): twice
 *
 *     h ← pool(σ(w ⋆ h + b)),
 *
 * the same small kernel at every place of the image, and a linear layer of what the pools leave.
 */
export default example({
  title: 'Convolutional network: reads handwritten digits with few parameters',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ tested: short ? 1000 : 5000 });
    const steps = short ? 50 : 400;

    const model = new nn.Sequential(
      new nn.Conv2d(1, 8, 5), // → 8 × 24 × 24
      new nn.ReLU(),
      new nn.MaxPool2d(2), // → 8 × 12 × 12
      new nn.Conv2d(8, 16, 5), // → 16 × 8 × 8
      new nn.ReLU(),
      new nn.MaxPool2d(2), // → 16 × 4 × 4
      new nn.Flatten(),
      new nn.Linear(16 * 4 * 4, 10),
    );
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(0.01, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 28, 28), y: i32(BATCH) },
      ({ x, y }) => {
        const loss = nn.crossEntropy(model.forward(x), y);
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train, { batch: BATCH, steps, seed, log });

    const z = await predict(device, { x: f32(500, 1, 28, 28) }, ({ x }) => model.forward(x), test);
    return {
      accuracy: metrics.accuracy(z, test.columns.y),
      parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
    };
  },

  claims: ({ accuracy, parameters }, short) => [
    atLeast('test accuracy', accuracy, short ? 0.8 : 0.955),
    atMost('parameters', parameters, 6000),
  ],
});
