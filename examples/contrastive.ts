import { compile, concat, div, f32, grad, iota, matmul, metrics, nn, optim, reshape } from 'chainrule';
import { slice, sqrt, square, sum, type Tensor } from 'chainrule';
import { atLeast, example, encoder, fewLabelAccuracy, WIDTH, fit, mnist, predict } from './kit/index.ts';

const BATCH = 100;

/** f of two views of each image, every view moved, turned and scaled by its own draw: two [n, width]. */
function embedViews(f: nn.Module, x: Tensor): [Tensor, Tensor] {
  const view = () => nn.augment(x, { shift: 3, rotate: 0.3, scale: [0.8, 1.2] });
  const z = f.forward(concat([view(), view()], 0));
  return [slice(z, [[0, BATCH]]), slice(z, [[BATCH, 2 * BATCH]])];
}
const normalized = (z: Tensor) => div(z, sqrt(sum(square(z), { axes: 1, keepdim: true })));

/**
 * Contrastive pre-training (notes 4.3.3; SimCLR, Chen et al. 2020): z = h(f(x)) has to tell for each view of a digit, among
 * all views in the batch, which is the other one of the same digit. It needs no labels. Then f starts a classifier that
 * learns from 100 labels, beside one that starts anew.
 */
export default example({
  title: 'Contrastive pre-training: two views of a digit find each other',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ side: 14, tested: short ? 2000 : 10_000 });
    const steps = short ? 50 : 500;

    const f = encoder();
    const h = new nn.Sequential(
      new nn.ReLU(),
      new nn.Linear(WIDTH, 64),
      new nn.ReLU(),
      new nn.Linear(64, 32),
    );
    const both = new nn.Sequential(f, h);
    const optimizer = new optim.Adam(both.parameters(), { lr: optim.cosine(2e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 14, 14) },
      ({ x }) => {
        const [a, b] = embedViews(both.train(), x);
        const loss = nn.ntXent(a, b, { temperature: 0.2 });
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );

    /** Share of test digits whose view is nearest to the other one, among the views of a hundred. */
    async function pairsFound(): Promise<number> {
      const found = ({ x }: { x: Tensor }) => {
        const [a, b] = embedViews(both.eval(), x);
        const similarity = matmul(normalized(a), normalized(b), { transposeB: true });
        return reshape(metrics.accuracy(similarity, iota([BATCH], 0, 'i32')), [1]);
      };
      const shares = await predict(device, { x: f32(BATCH, 1, 14, 14) }, found, test, { seed });
      return shares.reduce((a, b) => a + b, 0) / shares.length;
    }
    const before = await pairsFound();
    await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });

    const trial = { device, train, test, seed, draws: short ? 1 : 3, steps: short ? 60 : 120 };
    return {
      'pairs found before': before,
      'pairs found': await pairsFound(),
      'accuracy from scratch': await fewLabelAccuracy(trial, null),
      'accuracy after pre-training': await fewLabelAccuracy(trial, await f.readState(device)),
    };
  },

  claims: (figures, short) => [
    atLeast('pairs found', figures['pairs found'], short ? 0.08 : 0.5),
    atLeast(
      'gain in pairs found',
      figures['pairs found'] - figures['pairs found before'],
      short ? 0.02 : 0.1,
    ),
    atLeast(
      'gain in accuracy at 100 labels',
      figures['accuracy after pre-training'] - figures['accuracy from scratch'],
      short ? -0.1 : 0.01,
    ),
  ],
});
