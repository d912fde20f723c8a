import { compile, data, f32, grad, i32, iota, nn, optim, type Parameter } from 'chainrule';
import { atMost, example, fit, mnist } from './kit/index.ts';

const [BATCH, PIXELS, UNITS] = [100, 14 * 14, 64];

/** Muon is for the matrices of hidden layers. */
const isHidden = (p: Parameter) => p.rank === 2 && p.shape[0] === UNITS;

/**
 * Each with a rate η that is usual for a small network. g is the gradient of a batch, m and s are running means of g and g²;
 * products, roots and quotients are those of elements.
 */
const optimizersOf = (w: readonly Parameter[]) => ({
  SGD: [new optim.SGD(w, { lr: 0.1 })], // w ← w − η g
  momentum: [new optim.SGD(w, { lr: 0.1, momentum: 0.9 })], // v ← μ v + g, w ← w − η v
  Nesterov: [new optim.SGD(w, { lr: 0.1, momentum: 0.9, nesterov: true })], // w ← w − η (μ v + g)
  Adagrad: [new optim.Adagrad(w, { lr: 0.01 })], // w ← w − η g / √Σ g²
  RMSprop: [new optim.RMSprop(w, { lr: 1e-3 })], // w ← w − η g / √s
  Adam: [new optim.Adam(w, { lr: 3e-3 })], // w ← w − η m / √s
  AdamW: [new optim.AdamW(w, { lr: 3e-3 })], // w ← (1 − η λ) w − η m / √s
  Lion: [new optim.Lion(w, { lr: 1e-3 })], // w ← w − η sign(m); the short form begins with this one
  // W ← W − η U Vᵀ, where U Σ Vᵀ is the mean of a matrix of gradients
  Muon: [
    new optim.Muon(w.filter(isHidden), { lr: 0.02 }),
    new optim.AdamW(
      w.filter((p) => !isHidden(p)),
      { lr: 3e-3 },
    ),
  ],
});

/** The optimizers of the course (notes 2.3) and later ones: from the same weights, with the same batches. */
export default example({
  title: 'Optimizers: nine ways down one loss',

  async run({ device, seed, short, log }) {
    const steps = short ? 50 : 300;
    const { train, test } = await mnist({ side: 14, tested: short ? 1000 : 10_000 });
    const tested = new data.DeviceDataset(test);
    const model = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(PIXELS, UNITS),
      new nn.ReLU(),
      new nn.Linear(UNITS, UNITS),
      new nn.ReLU(),
      new nn.Linear(UNITS, 10),
    );
    const measure = await compile(
      device,
      {},
      () => {
        const { x, y } = tested.rows(iota([tested.length], 0));
        return { outputs: { loss: nn.crossEntropy(model.forward(x), y) } };
      },
      { seed },
    );
    const testLoss = async () => (await measure({})).loss.item();
    const start = await model.readState(device);

    const losses: Record<string, number> = { 'before training': await testLoss() };
    const all = Object.entries(optimizersOf(model.parameters()));
    for (const [name, optimizers] of all.slice(short ? -2 : 0)) {
      await model.writeState(device, start);
      const step = await compile(device, { x: f32(BATCH, 1, 14, 14), y: i32(BATCH) }, ({ x, y }) => {
        const loss = nn.crossEntropy(model.forward(x), y);
        return { outputs: { loss }, updates: optimizers.flatMap((o) => o.update(grad(loss, o.params))) };
      });
      await fit(step, train, { batch: BATCH, steps, seed, log: () => {} });
      step.release();
      losses[name] = await testLoss();
      log(`${name}: test loss ${losses[name].toFixed(4)}`);
    }
    return losses;
  },

  claims(losses, short) {
    const atMostOf = (other: string, name: string, share: number) =>
      atMost(`test loss, ${name} / ${other}`, losses[name]! / losses[other]!, share);
    if (short) return ['Lion', 'Muon'].map((name) => atMostOf('before training', name, 0.8));
    return [
      atMostOf('before training', 'SGD', 0.3),
      ...['momentum', 'Nesterov'].map((name) => atMostOf('SGD', name, 0.6)),
      ...['Adagrad', 'RMSprop', 'Adam', 'AdamW', 'Lion'].map((name) => atMostOf('SGD', name, 0.8)),
      atMostOf('SGD', 'Muon', 0.4),
    ];
  },
});
