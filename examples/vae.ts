import { compile, distributions, f32, flatten, grad, neg, nn, normal, optim, type Tensor } from 'chainrule';
import { atLeast, atMost, example, fit, imageGrid, mnist } from './kit/index.ts';
import { binarize, trainJudge } from './kit/judge.ts';

const BATCH = 50;
/** Digits to test with, and to judge samples by. */
const N = 1000;

/** q(z | x) = N(μ(x), σ²(x)) and p(x | z) = Bernoulli(sigmoid(g(z))) (notes 9.2). */
export class VAE extends nn.Module {
  h = new nn.Sequential(new nn.Linear(784, 200), new nn.ReLU());
  mu: nn.Linear;
  logVar: nn.Linear;
  g: nn.Module;

  constructor(latents: number) {
    super();
    this.mu = new nn.Linear(200, latents);
    this.logVar = new nn.Linear(200, latents);
    this.g = new nn.Sequential(new nn.Linear(latents, 200), new nn.ReLU(), new nn.Linear(200, 784));
  }

  encode(x: Tensor): distributions.Normal {
    const h = this.h.forward(flatten(x));
    return new distributions.Normal(this.mu.forward(h), { logVar: this.logVar.forward(h) });
  }
  decode(z: Tensor): distributions.Bernoulli {
    return new distributions.Bernoulli(this.g.forward(z));
  }
  forward(x: Tensor): Tensor {
    return this.decode(this.encode(x).mean()).mean();
  }
}

/** Maximise ELBO = E log p(x | z) − KL(q(z | x) ‖ p(z)) with z = μ + σ ε, on digits of binary pixels. */
export default example({
  title: 'Variational autoencoder: digits from noise',

  async run({ device, seed, short, log, save }) {
    const { train, test } = await mnist();
    const steps = short ? 150 : 1500;
    const vae = new VAE(10);
    const optimizer = new optim.Adam(vae.parameters(), { lr: optim.cosine(3e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 28, 28) },
      (batch) => {
        const x = binarize(flatten(batch.x));
        const q = vae.encode(x);
        const { elbo, reconstruction, kl } = nn.elbo(x, vae.decode(q.sample()), q);
        const updates = optimizer.update(grad(neg(elbo), optimizer.params));
        return { outputs: { elbo, reconstruction, kl }, updates };
      },
      { seed },
    );
    await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });

    const digits = test.subset(Array.from({ length: N }, (_, i) => i)).select('x');
    const look = await compile(device, { x: f32(N, 1, 28, 28) }, (input) => {
      const x = binarize(flatten(input.x));
      const q = vae.encode(x);
      const samples = vae.decode(normal([N, 10])).mean();
      return { outputs: { ...nn.elbo(x, vae.decode(q.sample()), q), samples, again: vae.forward(x) } };
    });
    const { elbo, kl, samples, again } = await look(digits.columns);
    const pixels = (await samples.data()) as Float32Array;
    await save('samples.png', imageGrid(pixels.slice(0, 100 * 784), 10));
    await save(
      'reconstructions.png',
      imageGrid(((await again.data()) as Float32Array).slice(0, 100 * 784), 10),
    );
    const judge = await trainJudge(device, train, digits, seed);
    return { elbo: await elbo.item(), kl: await kl.item(), ...(await judge(pixels)) };
  },

  claims: ({ elbo, kl, inceptionScore }, short) => [
    atLeast('ELBO per test digit', elbo, short ? -190 : -125),
    atLeast('nats of z about x', kl, short ? 3 : 10),
    atLeast('inception score of samples', inceptionScore, short ? 1.5 : 3.5),
    ...(short ? [] : [atMost('nats of z about x', kl, 40)]),
  ],
});
