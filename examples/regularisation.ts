import { add, compile, data, grad, iota, nn, optim, stack, u32 } from 'chainrule';
import { atLeast, atMost, example, mnist } from './kit/index.ts';

const [BATCH, PIXELS, UNITS] = [50, 14 * 14, 128];

/** What each method changes: λ of λ Σ |w|; decay of weights; share of units dropped; σ on pixels; when to stop. */
const NOTHING = { l1: 0, l2: 0, dropout: 0, noise: 0, stops: false };
const METHODS = {
  l2: { ...NOTHING, l2: 2 },
  dropout: { ...NOTHING, dropout: 0.5 }, // the short form begins after this one
  none: NOTHING,
  l1: { ...NOTHING, l1: 1e-3 },
  noise: { ...NOTHING, noise: 0.4 },
  'early stopping': { ...NOTHING, stops: true },
};

/**
 * Regularisation (notes 4.3): a network with 26,000 parameters learns a few digits by heart, and is then very sure of its
 * mistakes on others. Penalties on the weights, dropout, noise and early stopping (Prechelt 1998) each make it less so.
 */
export default example({
  title: 'Regularisation: a few digits, and not by heart',

  async run({ device, seed, short, log }) {
    const [rows, epochs] = short ? [200, 30] : [300, 60];
    const { train, test } = await mnist({ side: 14, tested: 2000 });
    const digits = train.subset(Array.from({ length: 2 * rows }, (_, i) => 1000 * seed + i));
    const tables = [...digits.split([0.5, 0.5]), test].map((part) => new data.DeviceDataset(part));

    const figures: Record<string, number> = {};
    for (const [name, { l1, l2, dropout, noise, stops }] of Object.entries(METHODS).slice(short ? 2 : 0)) {
      const model = new nn.Sequential(
        new nn.Flatten(),
        new nn.GaussianNoise(noise),
        new nn.Linear(PIXELS, UNITS),
        new nn.ReLU(),
        new nn.Dropout(dropout),
        new nn.Linear(UNITS, 10),
      );
      const [weights, biases] = [2, 1].map((rank) => model.parameters().filter((p) => p.rank === rank));
      const groups = [{ params: weights!, options: { weightDecay: l2 } }, { params: biases! }];
      const lr = optim.cosine(0.01, (epochs * rows) / BATCH);
      const optimizer = new optim.AdamW(groups, { lr, weightDecay: 0 });
      const step = await compile(
        device,
        { index: u32(BATCH) },
        ({ index }) => {
          const { x, y } = tables[0]!.rows(index);
          const loss = add(nn.crossEntropy(model.train().forward(x), y), nn.l1Penalty(weights!, l1));
          return { outputs: {}, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
        { seed },
      );
      const measure = await compile(device, {}, () => {
        const losses = tables.map((table) => {
          const { x, y } = table.rows(iota([table.length], 0));
          return nn.crossEntropy(model.eval().forward(x), y);
        });
        return { outputs: { losses: stack(losses) } };
      });
      const losses = async () => (await measure({})).losses.data();

      const stopping = new optim.EarlyStopping(model, device, { patience: 5 });
      for (let epoch = 0; epoch < epochs; epoch++) {
        for (const batch of tables[0]!.shuffledBatches({ batch: BATCH, seed, epoch })) await step(batch);
        if (stops && (await stopping.report((await losses())[1]!))) break;
      }
      const last = await losses();
      if (stops) await stopping.restore();
      const [learned, validated, tested] = await losses();
      if (stops) figures['validation loss of last − kept weights'] = last[1]! - validated!;
      const w = await weights![0]!.read(device);
      figures[`training loss, ${name}`] = learned!;
      figures[`test loss, ${name}`] = tested!;
      figures[`weights near 0, ${name}`] = w.filter((value) => Math.abs(value) < 1e-3).length / w.length;
      log(`${name}: training loss ${learned!.toFixed(4)}, test loss ${tested!.toFixed(4)}`);
    }
    return figures;
  },

  claims(f, short) {
    const losses = Object.keys(METHODS).flatMap((name) => f[`test loss, ${name}`] ?? []);
    return [
      atMost('training loss of none', f['training loss, none']!, short ? 0.05 : 0.02),
      atLeast('test loss of none / best', f['test loss, none']! / Math.min(...losses), short ? 1.1 : 1.2),
      atLeast('test loss of none / worst', f['test loss, none']! / Math.max(...losses), 1),
      atLeast('weights near 0, l1 − none', f['weights near 0, l1']! - f['weights near 0, none']!, 0.5),
      atLeast('validation loss of last − kept weights', f['validation loss of last − kept weights']!, 1e-3),
    ];
  },
});
