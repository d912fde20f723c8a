import {
  add,
  compile,
  f32,
  flatten,
  grad,
  mean,
  mul,
  neg,
  nn,
  normal,
  optim,
  sqrt,
  variance,
} from 'chainrule';
import { atMost, example, fit, imageGrid, mnist } from './kit/index.ts';
import { binarize, trainJudge } from './kit/judge.ts';
import { VAE } from './vae.ts';

const BATCH = 50;
const LATENTS = 10;
/** Samples to judge, and digits to judge them by. */
const N = 1000;

/**
 * The same networks as autoencoder (z = μ(x), only the reconstruction counts) and as variational autoencoder. Nothing
 * makes the codes of the first like anything that one could sample: decoding a Gaussian with the mean and variance of
 * its codes gives worse digits than decoding the prior does in the second (notes 9.1.1).
 */
export default example({
  title: 'Sampling an autoencoder, and a variational one',

  async run({ device, seed, short, log, save }) {
    const { train, test } = await mnist();
    const steps = short ? 150 : 600;
    const digits = test.subset(Array.from({ length: N }, (_, i) => i)).select('x');
    const judge = await trainJudge(device, train, digits, seed);

    async function fidOf(variational: boolean): Promise<number> {
      const model = new VAE(LATENTS);
      const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(3e-3, steps) });
      const step = await compile(
        device,
        { x: f32(BATCH, 1, 28, 28) },
        (batch) => {
          const x = binarize(flatten(batch.x));
          const q = model.encode(x);
          const p = model.decode(variational ? q.sample() : q.mean());
          const { elbo, reconstruction } = nn.elbo(x, p, q, { beta: variational ? 1 : 0 });
          const updates = optimizer.update(grad(neg(elbo), optimizer.params));
          return { outputs: { elbo, reconstruction }, updates };
        },
        { seed },
      );
      await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });
      step.release();

      const draw = await compile(device, { x: f32(N, 1, 28, 28) }, ({ x }) => {
        const noise = normal([N, LATENTS]);
        const codes = model.encode(binarize(x)).mean();
        const alike = add(mean(codes, { axes: 0 }), mul(sqrt(variance(codes, { axes: 0 })), noise));
        return { outputs: { x: model.decode(variational ? noise : alike).mean() } };
      });
      const samples = (await (await draw(digits.columns)).x.data()) as Float32Array;
      await save(`${variational ? 'vae' : 'autoencoder'}.png`, imageGrid(samples.slice(0, 100 * 784), 10));
      return (await judge(samples)).fid;
    }
    return { 'FID of the VAE': await fidOf(true), 'FID of the autoencoder': await fidOf(false) };
  },

  claims: ({ 'FID of the VAE': ours, 'FID of the autoencoder': plain }, short) => [
    atMost('FID of the VAE / of the autoencoder', ours / plain, short ? 1.5 : 0.9),
  ],
});
