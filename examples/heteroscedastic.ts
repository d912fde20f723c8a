import {
  compile,
  concat,
  data,
  distributions,
  f32,
  grad,
  mean,
  neg,
  nn,
  optim,
  slice,
  type Tensor,
} from 'chainrule';
import { atLeast, atMost, example, fit, predict } from './kit/index.ts';

const BATCH = 200;
const sigma = (x: number) => 0.1 + 0.1 * x * x;

/**
 * Regression with a noise level that depends on x (notes 1.2): the network predicts mean and log-variance,
 *
 *     h₁ = tanh(W₁ x + b₁),  h₂ = tanh(W₂ h₁ + b₂),  (μ, s) = W₃ h₂ + b₃,  p(y | x) = N(y | μ(x), e^{s(x)}),
 *
 * and minimises −mean log p. The data come from a generator, so that the true noise level is known; the network sees x
 * and y only. The yardstick is the best single noise level: that of the residuals y − μ(x).
 */
export default example({
  title: 'Heteroscedastic regression: finds the noise level at each x',

  async run({ device, seed, short, log, save }) {
    const steps = short ? 300 : 1500;
    const train = data.heteroscedastic({ rows: 10_000, seed, sigma }).select('x', 'y');
    const test = data.heteroscedastic({ rows: 2000, seed: seed + 1000, sigma });

    const model = new nn.Sequential(
      new nn.Linear(1, 64),
      new nn.Tanh(),
      new nn.Linear(64, 64),
      new nn.Tanh(),
      new nn.Linear(64, 2),
    );
    const p = (x: Tensor) => {
      const h = model.forward(x);
      return new distributions.Normal(slice(h, [null, [0, 1]]), { logVar: slice(h, [null, [1, 2]]) });
    };
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(0.01, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1), y: f32(BATCH, 1) },
      ({ x, y }) => {
        const loss = neg(mean(p(x).logProb(y)));
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train, { batch: BATCH, steps, seed, log });

    const columns = await predict(
      device,
      { x: f32(2000, 1), y: f32(2000, 1) },
      ({ x, y }) => concat([p(x).mean(), p(x).scale, p(x).logProb(y)], 1),
      test,
    );
    const [mu, scale, logProb] = [0, 1, 2].map((i) => columns.filter((_, at) => at % 3 === i));
    const truth = test.columns;
    const rms = (of: (i: number) => number) =>
      Math.sqrt(truth.x.reduce((sum, _, i) => sum + of(i) ** 2, 0) / test.length);
    const residual = rms((i) => truth.y[i]! - mu![i]!);
    const some = [...truth.x.keys()].sort((a, b) => truth.x[a]! - truth.x[b]!).filter((_, k) => k % 20 === 0);
    const table = some.map((i) =>
      [truth.x[i], truth.sigma[i], scale![i]].map((v) => v!.toFixed(3)).join(','),
    );
    await save('noise.csv', ['x,sigma,predicted sigma', ...table, ''].join('\n'));
    return {
      'relative error of sigma': rms((i) => scale![i]! / truth.sigma[i]! - 1),
      'error of the mean': rms((i) => mu![i]! - truth.mean[i]!),
      'log p': logProb!.reduce((a, b) => a + b, 0) / test.length,
      'log p with one sigma': -0.5 * Math.log(2 * Math.PI * Math.E * residual ** 2),
    };
  },

  claims: (figures, short) => [
    atMost('relative error of sigma', figures['relative error of sigma'], short ? 0.2 : 0.1),
    atMost('error of the mean', figures['error of the mean'], short ? 0.1 : 0.05),
    atLeast('log p above one sigma', figures['log p'] - figures['log p with one sigma'], 0.1),
  ],
});
