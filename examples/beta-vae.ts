import { compile, constant, distributions, f32, flatten, grad, mean, neg, nn, optim } from 'chainrule';
import { atLeast, atMost, example, fit, imageGrid, mnist } from './kit/index.ts';
import { binarize } from './kit/judge.ts';
import { VAE } from './vae.ts';

const BATCH = 50;
const LATENTS = 10;
/** Test digits. */
const N = 1000;
/** Values of a latent in the grid, in standard deviations of p(z). */
const GRID = Array.from({ length: 11 }, (_, i) => -2.5 + i / 2);

/** Codes that differ in two latents and are 0 in the others. */
const latentGrid = (down: number, across: number) =>
  GRID.flatMap((a) =>
    GRID.flatMap((b) => Array.from({ length: LATENTS }, (_, k) => (k === down ? a : k === across ? b : 0))),
  );

/**
 * A β-VAE maximises E log p(x | z) − β KL(q(z | x) ‖ p(z)) (notes 9.2.4). A larger β leaves z less to say about x, and
 * the reconstruction is worse.
 */
export default example({
  title: 'β-VAE: what the weight of the KL term does',

  async run({ device, seed, short, log, save }) {
    const { train, test } = await mnist();
    const steps = short ? 70 : 800;
    const digits = test.subset(Array.from({ length: N }, (_, i) => i)).select('x');

    async function withBeta(beta: number) {
      const vae = new VAE(LATENTS);
      const optimizer = new optim.Adam(vae.parameters(), { lr: optim.cosine(short ? 5e-3 : 3e-3, steps) });
      const step = await compile(
        device,
        { x: f32(BATCH, 1, 28, 28) },
        (batch) => {
          const x = binarize(flatten(batch.x));
          const q = vae.encode(x);
          const { elbo, reconstruction, kl } = nn.elbo(x, vae.decode(q.sample()), q, { beta });
          const updates = optimizer.update(grad(neg(elbo), optimizer.params));
          return { outputs: { elbo, reconstruction, kl }, updates };
        },
        { seed },
      );
      await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });
      step.release();

      const look = await compile(device, { x: f32(N, 1, 28, 28) }, (input) => {
        const x = binarize(flatten(input.x));
        const q = vae.encode(x);
        const used = mean(distributions.kl(q, new distributions.Normal(0)), { axes: 0 });
        return { outputs: { ...nn.elbo(x, vae.decode(q.sample()), q), used } };
      });
      const { elbo, reconstruction, kl, used } = await look(digits.columns);
      const nats = [...(await used.data())];
      const [first, second] = nats.map((_, k) => k).sort((a, b) => nats[b]! - nats[a]!) as [number, number];
      const codes = constant(latentGrid(first, second), [GRID.length ** 2, LATENTS]);
      const draw = await compile(device, {}, () => ({ outputs: { x: vae.decode(codes).mean() } }));
      const grid = (await (await draw({})).x.data()) as Float32Array;
      await save(`latents-beta-${beta}.png`, imageGrid(grid, GRID.length));
      return { elbo: await elbo.item(), log_p: await reconstruction.item(), kl: await kl.item() };
    }
    const [one, four] = [await withBeta(1), await withBeta(4)];
    return {
      'ELBO with β = 1': one.elbo,
      'ELBO with β = 4': four.elbo,
      'KL with β = 1': one.kl,
      'KL with β = 4': four.kl,
      'log p(x | z) with β = 1, more than with β = 4': one.log_p - four.log_p,
    };
  },

  claims: (f, short) => [
    atMost('KL with β = 4 / with β = 1', f['KL with β = 4'] / f['KL with β = 1'], short ? 0.9 : 0.7),
    atLeast(
      'more log p(x | z) with β = 1',
      f['log p(x | z) with β = 1, more than with β = 4'],
      short ? 0 : 5,
    ),
    atLeast('ELBO with β = 1', f['ELBO with β = 1'], short ? -200 : -130),
  ],
});
