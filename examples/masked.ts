import { add, bernoulli, compile, concat, div, f32, grad, mul, nn, optim, reshape } from 'chainrule';
import { square, sub, sum, type Tensor, upsample } from 'chainrule';
import {
  atLeast,
  atMost,
  example,
  encoder,
  fewLabelAccuracy,
  WIDTH,
  fit,
  imageGrid,
  mnist,
  pcaError,
  predict,
} from './kit/index.ts';

const [BATCH, PIXELS] = [100, 14 * 14];

/** m: 1 on half of the 7 × 7 squares of each image, 0 on the others. */
const hidden = (x: Tensor) => upsample(bernoulli(0.5, [x.shape[0]!, 1, 7, 7]), { scale: 2 });

/**
 * Masked pre-training (notes 4.3.3; He et al. 2022): fill in what is hidden,
 *
 *     x̂ = g(f((1 − m) x)),  minimise Σ m (x − x̂)² / Σ m.
 *
 * It needs no labels. Then f starts a classifier that learns from 100 labels, beside one that starts anew.
 */
export default example({
  title: 'Masked pre-training: the hidden half of a digit',

  async run({ device, seed, short, log, save }) {
    const { train, test } = await mnist({ side: 14, tested: short ? 2000 : 10_000 });
    const steps = short ? 60 : 1000;

    const f = encoder();
    const g = new nn.Sequential(
      new nn.ReLU(),
      new nn.Linear(WIDTH, 256),
      new nn.ReLU(),
      new nn.Linear(256, PIXELS),
    );
    const both = new nn.Sequential(f, g);
    const fill = (x: Tensor, m: Tensor) => reshape(both.forward(mul(x, sub(1, m))), x.shape);
    const error = (x: Tensor) => {
      const m = hidden(x);
      return div(sum(mul(m, square(sub(x, fill(x, m))))), sum(m));
    };
    const optimizer = new optim.Adam(both.parameters(), { lr: optim.cosine(short ? 4e-3 : 2e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 14, 14) },
      ({ x }) => {
        both.train();
        const loss = error(x);
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });

    both.eval();
    const signature = { x: f32(500, 1, 14, 14) };
    const errors = await predict(device, signature, ({ x }) => reshape(error(x), [1]), test, { seed });
    const pictures = ({ x }: { x: Tensor }) => {
      const m = hidden(x);
      const shown = mul(x, sub(1, m));
      return concat([x, shown, add(shown, mul(m, fill(x, m)))], 0);
    };
    const ten = test.subset(Array.from({ length: 10 }, (_, i) => i));
    const images = await predict(device, { x: f32(10, 1, 14, 14) }, pictures, ten, { seed });
    await save('filled.png', imageGrid(images, 10, { height: 14, width: 14, scale: 3 }));

    const trial = { device, train, test, seed, draws: short ? 1 : 3, steps: short ? 60 : 120 };
    return {
      'error on hidden pixels': errors.reduce((a, b) => a + b, 0) / errors.length,
      'error of the mean image': pcaError(test.columns.x, PIXELS, 0),
      'accuracy from scratch': await fewLabelAccuracy(trial, null),
      'accuracy after pre-training': await fewLabelAccuracy(trial, await f.readState(device)),
    };
  },

  claims(figures, short) {
    const gain = figures['accuracy after pre-training'] - figures['accuracy from scratch'];
    const error = figures['error on hidden pixels'] / figures['error of the mean image'];
    return [
      atMost('error on hidden pixels / mean image', error, short ? 0.9 : 0.5),
      atLeast('gain in accuracy at 100 labels', gain, short ? -0.1 : 0.005),
    ];
  },
});
