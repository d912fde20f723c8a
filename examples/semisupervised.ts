import { compile, data, f32, flatten, grad, i32, metrics, nn, optim } from 'chainrule';
import { atLeast, example, fit, mnist, predict, type Digits } from './kit/index.ts';

const [BATCH, PIXELS, WIDTH] = [100, 14 * 14, 32];

/**
 * Semi-supervised learning (notes 9.4): auto-encode all images, x ≈ g(f(x)), then classify z = f(x) with the few labels there
 * are. The encoder sees shifted and turned digits and has to give back the straight ones (a denoising autoencoder, Vincent
 * et al. 2008), so that z is about what is drawn. Without it, the same classifier learns from the same images.
 */
export default example({
  title: 'Semi-supervised learning: few labels, with and without an autoencoder',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ side: 14, tested: short ? 2000 : 10_000 });
    const steps = short ? 400 : 1000;

    const f = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(PIXELS, 256),
      new nn.ReLU(),
      new nn.Linear(256, WIDTH),
      new nn.BatchNorm1d(WIDTH, { affine: false }), // mean 0 and variance 1
    );
    const g = new nn.Sequential(new nn.Linear(WIDTH, 256), new nn.ReLU(), new nn.Linear(256, PIXELS));
    const optimizer = new optim.Adam(new nn.Sequential(f, g).parameters(), { lr: optim.cosine(3e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 14, 14) },
      ({ x }) => {
        const z = f.forward(nn.augment(x, { shift: 2, rotate: 0.2, scale: [0.9, 1.1] }));
        const loss = nn.bceWithLogits(g.forward(z), flatten(x));
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });

    /** Accuracy of a classifier of rows x of `width` numbers. */
    async function accuracy(labelled: Digits, tested: Digits, width: number): Promise<number> {
      const model = new nn.Sequential(new nn.Linear(width, 128), new nn.ReLU(), new nn.Linear(128, 10));
      const adam = new optim.AdamW(model.parameters(), { lr: 2e-3 });
      const learn = await compile(
        device,
        { x: f32(50, width), y: i32(50) },
        ({ x, y }) => {
          const loss = nn.crossEntropy(model.forward(x), y);
          return { outputs: { loss }, updates: adam.update(grad(loss, adam.params)) };
        },
        { seed },
      );
      await fit(learn, labelled, { batch: 50, steps: 120, seed, log() {} });
      const scores = await predict(device, { x: f32(1000, width) }, ({ x }) => model.forward(x), tested);
      return metrics.accuracy(scores, tested.columns.y);
    }
    const encoded = async (digits: Digits): Promise<Digits> => {
      const z = await predict(device, { x: f32(50, PIXELS) }, ({ x }) => f.eval().forward(x), digits);
      return new data.Dataset({ x: z, y: digits.columns.y }, { x: [WIDTH] });
    };

    const labels = short ? [100] : [50, 100, 500, 1000];
    const figures: Record<string, number> = {};
    const [pool, testedCodes] = [train.bootstrap({ seed, rows: 1000 }), await encoded(test)];
    for (const n of labels) {
      const labelled = pool.subset(Array.from({ length: n }, (_, i) => i));
      figures[`${n} labels`] = await accuracy(labelled, test, PIXELS);
      figures[`${n} labels, encoder`] = await accuracy(await encoded(labelled), testedCodes, WIDTH);
    }
    return figures;
  },

  claims: (figures, short) => [
    atLeast(
      'gain at 100 labels',
      figures['100 labels, encoder']! - figures['100 labels']!,
      short ? 0.01 : 0.05,
    ),
  ],
});
