import { compile, data, f32, grad, i32, metrics, nn, optim, type Parameter, type Tensor } from 'chainrule';
import { atLeast, example, fit, mnist, predict, type Digits } from './kit/index.ts';

/** What a digit looks like (body), and which of five it is (head). */
class Classifier extends nn.Module {
  body = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }), // → 8 × 14 × 14
    new nn.ReLU(),
    new nn.MaxPool2d(2), // → 8 × 7 × 7
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2), // → 16 × 3 × 3
    new nn.Flatten(),
  );
  head = new nn.Linear(16 * 3 * 3, 5);

  forward(x: Tensor): Tensor {
    return this.head.forward(this.body.forward(x));
  }
}

/** Digits `low` to `low` + 4 as classes 0 to 4: the first `count` of each. */
function five(digits: Digits, low: number, count = Infinity): Digits {
  const seen = new Map<number, number>();
  const rows = [...digits.columns.y.keys()].filter((row) => {
    const y = digits.columns.y[row]!;
    seen.set(y, (seen.get(y) ?? 0) + 1);
    return y >= low && y < low + 5 && seen.get(y)! <= count;
  });
  const { x, y } = digits.subset(rows).columns;
  return new data.Dataset({ x, y: y.map((digit) => digit - low) }, { x: [1, 14, 14] });
}

/**
 * Transfer learning (notes 4.3.3): a network that knows the digits 0 to 4 learns 5 to 9 from five examples of each. Its body
 * comes from a file and stays as it is, since the optimizer gets the new head only. Its twin learns everything from them.
 */
export default example({
  title: 'Transfer learning: five new digits from five examples of each',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ side: 14 });
    const [known, unseen] = [five(train, 0), five(test, 5)];

    /** A step that changes `params` of a model. */
    const learning = (model: Classifier, params: readonly Parameter[], batch: number, own: number) => {
      const optimizer = new optim.Adam(params, { lr: 0.005 });
      return compile(
        device,
        { x: f32(batch, 1, 14, 14), y: i32(batch) },
        ({ x, y }) => {
          const loss = nn.crossEntropy(model.forward(x), y);
          return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
        { seed: own },
      );
    };
    const source = new Classifier();
    const learnKnown = await learning(source, source.parameters(), 50, seed);
    await fit(learnKnown, known, { batch: 50, steps: short ? 60 : 600, seed, log });
    const tensors = new Map<string, data.StoredTensor>();
    for (const [name, parameter] of source.body.state())
      tensors.set(name, { shape: parameter.shape, data: await parameter.read(device) });
    const file = data.encodeSafetensors(tensors);

    async function accuracy(own: number, body?: Uint8Array): Promise<number> {
      const model = new Classifier();
      const learn = await learning(model, (body ? model.head : model).parameters(), 25, own);
      const stored = body && data.decodeSafetensors(body).tensors;
      if (stored)
        await model.body.writeState(device, new Map([...stored].map(([name, t]) => [name, t.data])));
      const few = five(train.bootstrap({ seed: own, rows: 1000 }), 5, 5);
      await fit(learn, few, { batch: 25, steps: 60, seed: own, log() {} });
      const z = await predict(device, { x: f32(500, 1, 14, 14) }, ({ x }) => model.forward(x), unseen);
      return metrics.accuracy(z, unseen.columns.y);
    }
    let [scratch, transferred] = [0, 0];
    const draws = short ? 1 : 4;
    for (let draw = 0; draw < draws; draw++) {
      scratch += (await accuracy(100 * seed + draw)) / draws;
      transferred += (await accuracy(100 * seed + draw, file)) / draws;
    }
    return { scratch, transferred };
  },

  claims: ({ scratch, transferred }, short) => [
    atLeast('accuracy after transfer', transferred, short ? 0.4 : 0.7),
    atLeast('transferred − scratch', transferred - scratch, short ? -0.1 : 0.03),
  ],
});
