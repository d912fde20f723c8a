import { add, compile, f32, fill, grad, neg, nn, normal, optim, type Tensor, withUpdates } from 'chainrule';
import { atLeast, atMost, example, fit, imageGrid, mnist, type Run } from './kit/index.ts';
import { type Judgement, trainJudge } from './kit/judge.ts';

const [BATCH, LATENTS] = [50, 32];
/** Samples to judge, and digits to judge them by. */
const N = 1000;

/** G(z) makes images of noise; D(x) is the logit of "x is real" (notes 9.3). */
class GAN extends nn.Module {
  G = new nn.Sequential(
    new nn.Linear(LATENTS, 128),
    new nn.ReLU(),
    new nn.Linear(128, 784),
    new nn.Sigmoid(),
  );
  D = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, 128),
    new nn.LeakyReLU(0.2),
    new nn.Linear(128, 1),
  );
  forward(z: Tensor): Tensor {
    return this.G.forward(z);
  }
}

/** −E log p(label | x), given the logits of D. */
const bce = (logits: Tensor, label: number) => nn.bceWithLogits(logits, fill(label, logits.shape));

/**
 * In one step D maximises V = E log D(x) + E log(1 − D(G(z))), and then G, against the new D, minimises
 * E log(1 − D(G(z))), the saturating objective, or −E log D(G(z)), the usual one. At the equilibrium V = −2 log 2.
 */
async function play(run: Run, usual: boolean, judge: (x: Float32Array) => Promise<Judgement>) {
  const { device, seed, short, log, save } = run;
  const gan = new GAN();
  const adam = { lr: short ? 1e-3 : 5e-4, betas: [0.5, 0.999] } as const;
  const [forD, forG] = [new optim.Adam(gan.D.parameters(), adam), new optim.Adam(gan.G.parameters(), adam)];
  const fake = () => gan.D.forward(gan.G.forward(normal([BATCH, LATENTS])));
  const step = await compile(
    device,
    { x: f32(BATCH, 1, 28, 28) },
    ({ x }) => {
      const minusV = add(bce(gan.D.forward(x), 1), bce(fake(), 0));
      const newD = forD.update(grad(minusV, forD.params));
      const newG = withUpdates(newD, () => {
        const loss = usual ? bce(fake(), 1) : neg(bce(fake(), 0));
        return forG.update(grad(loss, forG.params));
      });
      return { outputs: { V: neg(minusV) }, updates: [...newD, ...newG] };
    },
    { seed },
  );
  const draw = await compile(device, {}, () => ({ outputs: { x: gan.G.forward(normal([N, LATENTS])) } }));
  const { train } = await mnist();
  const stage = async (steps: number, name: string) => {
    const { V } = await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });
    const x = (await (await draw({})).x.data()) as Float32Array;
    await save(`${usual ? '' : 'saturating-'}${name}.png`, imageGrid(x.slice(0, 100 * 784), 10));
    return { V: await V.item(), ...(await judge(x)) };
  };
  return {
    early: await stage(short ? 25 : 50, 'after-50-steps'),
    late: await stage(short ? 75 : 1500, 'samples'),
  };
}

export default example({
  title: 'Generative adversarial network: digits, with either objective of the generator',

  async run(run) {
    const { train, test } = await mnist();
    const digits = test.subset(Array.from({ length: N }, (_, i) => i)).select('x');
    const judge = await trainJudge(run.device, train, digits, run.seed, run.short ? 60 : 300);
    const [usual, saturating] = [await play(run, true, judge), await play(run, false, judge)];
    return {
      V: usual.late.V,
      'FID now / after 50 steps': usual.late.fid / usual.early.fid,
      'the same, saturating': saturating.late.fid / saturating.early.fid,
      'IS now / after 50 steps': usual.late.inceptionScore / usual.early.inceptionScore,
    };
  },

  claims: (figures, short) => [
    atMost('FID now / after 50 steps', figures['FID now / after 50 steps'], short ? 0.9 : 0.5),
    atMost('the same, saturating', figures['the same, saturating'], short ? 0.9 : 0.5),
    ...(short ? [] : [atLeast('IS now / after 50 steps', figures['IS now / after 50 steps'], 2)]),
    ...(short ? [] : [atMost('V, 0 where D tells all images apart', figures.V, -0.2)]),
  ],
});
