import { compile, f32, grad, i32, metrics, nn, optim, softmax } from 'chainrule';
import { atLeast, example, fit, mnist, predict } from './kit/index.ts';

const [BATCH, PIXELS, MEMBERS] = [50, 14 * 14, 8];

/**
 * Ensembles (notes 4.3.3): members fitted to bootstrap samples of the same few digits (bagging, Breiman 1996), and dropout,
 * whose every mask is a member (Gal and Ghahramani 2016). Averaged, p(y | x) = 1/M Σₘ pₘ(y | x) is right more often than the
 * members are on average.
 */
export default example({
  title: 'Ensembles: bagging, and dropout at test time',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ side: 14, tested: short ? 2000 : 10_000 });
    const few = train.subset(Array.from({ length: 1000 }, (_, i) => 1000 * seed + i));
    const members = short ? 4 : MEMBERS;

    /** A model that has learned; `number` tells members apart. */
    async function fitted(digits: typeof few, dropout: number, number: number): Promise<nn.Module> {
      const model = new nn.Sequential(
        new nn.Flatten(),
        new nn.Linear(PIXELS, 100),
        new nn.ReLU(),
        new nn.Dropout(dropout),
        new nn.Linear(100, 10),
      );
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.005 });
      const step = await compile(
        device,
        { x: f32(BATCH, PIXELS), y: i32(BATCH) },
        ({ x, y }) => {
          const loss = nn.crossEntropy(model.train().forward(x), y);
          return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
        { seed: 100 * seed + number },
      );
      await fit(step, digits, { batch: BATCH, steps: short ? 60 : 200, seed: 100 * seed + number, log() {} });
      step.release();
      return model;
    }

    /** p(y | x) of all test digits. */
    const probabilities = (model: nn.Module, training: boolean, number: number) =>
      predict(device, { x: f32(1000, PIXELS) }, ({ x }) => softmax(model.train(training).forward(x)), test, {
        seed: number,
      });
    /** Accuracy of the members on average, and of their average. */
    function compare(name: string, all: readonly Float32Array[]) {
      const average = all[0]!.map((_, i) => all.reduce((sum, p) => sum + p[i]!, 0) / all.length);
      const right = (p: Float32Array) => metrics.accuracy(p, test.columns.y);
      const mean = all.reduce((sum, p) => sum + right(p), 0) / all.length;
      log(`${name}: members ${mean.toFixed(4)}, ensemble ${right(average).toFixed(4)}`);
      return { mean, ensemble: right(average) };
    }

    const [bagged, masked]: [Float32Array[], Float32Array[]] = [[], []];
    for (let m = 0; m < members; m++) {
      const model = await fitted(few.bootstrap({ seed: 100 * seed + m }), 0, m);
      bagged.push(await probabilities(model, false, m));
    }
    const withDropout = await fitted(few, 0.5, MEMBERS);
    for (let m = 0; m < members; m++) masked.push(await probabilities(withDropout, true, m));
    const [bagging, dropout] = [compare('bagging', bagged), compare('dropout', masked)];
    return {
      'bagging: mean member': bagging.mean,
      'bagging: ensemble': bagging.ensemble,
      'dropout: mean mask': dropout.mean,
      'dropout: ensemble': dropout.ensemble,
    };
  },

  claims: (figures) => [
    atLeast('gain by bagging', figures['bagging: ensemble'] - figures['bagging: mean member'], 0.01),
    atLeast('gain by dropout', figures['dropout: ensemble'] - figures['dropout: mean mask'], 0.01),
  ],
});
