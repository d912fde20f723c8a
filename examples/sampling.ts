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
 * The same networks as autoencoder (z = μ(x), only the reconstruction counts) and as variational autoencoder. Both decode
 * z ~ N(0, I), which is what the codes of the second look like; nothing says where the first has put its codes, so what it
 * makes of such a z is no digit (notes 9.1.1). Only who fits a Gaussian to its codes afterwards can sample it.
 */
export default example({
  title: 'Sampling an autoencoder, and a variational one',

  async run({ device, seed, short, log, save }) {
    const { train, test } = await mnist();
    const steps = short ? 60 : 600;
    const digits = test.subset(Array.from({ length: N }, (_, i) => i)).select('x');
    const judge = await trainJudge(device, train, digits, seed, short ? 60 : 300);

    async function fidsOf(variational: boolean) {
      const model = new VAE(LATENTS);
      const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(short ? 5e-3 : 3e-3, steps) });
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
        const z = normal([N, LATENTS]);
        const codes = model.encode(binarize(x)).mean();
        const like = add(mean(codes, { axes: 0 }), mul(sqrt(variance(codes, { axes: 0 })), z));
        return { outputs: { prior: model.decode(z).mean(), fitted: model.decode(like).mean() } };
      });
      const drawn = await draw(digits.columns);
      const [prior, fitted] = [await drawn.prior.data(), await drawn.fitted.data()] as Float32Array[];
      const name = variational ? 'vae' : 'autoencoder';
      await save(`${name}.png`, imageGrid(prior!.slice(0, 100 * 784), 10));
      return { prior: (await judge(prior!)).fid, fitted: (await judge(fitted!)).fid };
    }
    const [vae, plain] = [await fidsOf(true), await fidsOf(false)];
    return {
      'FID, VAE': vae.prior,
      'FID, autoencoder': plain.prior,
      'FID, VAE, Gaussian fitted to its codes': vae.fitted,
      'FID, autoencoder, Gaussian fitted to its codes': plain.fitted,
    };
  },

  // So early both decode N(0, I) as badly; that a Gaussian fitted to the codes is nearer shows already.
  claims: ({ 'FID, VAE': vae, 'FID, autoencoder': plain, ...fitted }, short) => [
    short
      ? atMost(
          'FID, autoencoder, fitted / not',
          fitted['FID, autoencoder, Gaussian fitted to its codes'] / plain,
          0.75,
        )
      : atMost('FID, VAE / autoencoder', vae / plain, 0.7),
  ],
});
