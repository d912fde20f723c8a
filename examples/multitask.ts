import { add, compile, concat, f32, grad, i32, metrics, mul, nn, optim, reshape, slice } from 'chainrule';
import { sub, type Tensor, uniform } from 'chainrule';
import { atLeast, atMost, example, fit, mnist, predict } from './kit/index.ts';

const [BATCH, PIXELS] = [100, 14 * 14];
/** Digits are turned by up to this much to either side, radians. */
const TURN = 1;
/** λ₁ and λ₂. */
const WEIGHTS = { digit: 1, angle: 4 };

/** What both tasks share, and a head for each. */
class TwoHeads extends nn.Module {
  f = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(PIXELS, 256),
    new nn.ReLU(),
    new nn.Linear(256, 64),
    new nn.ReLU(),
  );
  digit = new nn.Linear(64, 10);
  angle = new nn.Linear(64, 1);

  /** [n, 11]: logits of the digit, and the angle. */
  forward(x: Tensor): Tensor {
    const h = this.f.forward(x);
    return concat([this.digit.forward(h), this.angle.forward(h)], 1);
  }
}

/**
 * Multi-task learning (notes 4.3.3): one network with two heads, which digit it is and how far it is turned, trained on the
 * weighted sum of a cross-entropy and a squared error, −λ₁ log p(digit | x) + λ₂ (angle − â(x))².
 */
export default example({
  title: 'Multi-task learning: which digit, and how far is it turned?',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ side: 14, tested: short ? 2000 : 10_000 });
    const steps = short ? 150 : 1200;

    const model = new TwoHeads();
    /** Digits turned at random: by what angle, and what the model says of them. */
    const turned = (x: Tensor) => {
      const angle = mul(sub(uniform([x.shape[0]!]), 0.5), 2 * TURN);
      return { angle: reshape(angle, [-1, 1]), said: model.forward(nn.affine(x, { angle })) };
    };
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(3e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, 1, 14, 14), y: i32(BATCH) },
      ({ x, y }) => {
        const { angle, said } = turned(x);
        const ofDigit = nn.crossEntropy(slice(said, [null, [0, 10]]), y);
        const ofAngle = nn.mse(slice(said, [null, [10]]), angle);
        const loss = add(mul(ofDigit, WEIGHTS.digit), mul(ofAngle, WEIGHTS.angle));
        return { outputs: { ofDigit, ofAngle }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train, { batch: BATCH, steps, seed, log });

    const tested = ({ x }: { x: Tensor }) => {
      const { angle, said } = turned(x);
      return concat([said, sub(slice(said, [null, [10]]), angle)], 1);
    };
    const rows = await predict(device, { x: f32(500, 1, 14, 14) }, tested, test, { seed });
    const [scores, misses] = [rows.filter((_, i) => i % 12 < 10), rows.filter((_, i) => i % 12 === 11)];
    const rms = Math.sqrt(misses.reduce((sum, miss) => sum + miss * miss, 0) / misses.length);
    return {
      accuracy: metrics.accuracy(scores, test.columns.y),
      'error of the angle, degrees': (rms * 180) / Math.PI,
      'error of always 0, degrees': (TURN / Math.sqrt(3)) * (180 / Math.PI),
    };
  },

  claims: (figures, short) => [
    atLeast('accuracy', figures.accuracy, short ? 0.6 : 0.9),
    atMost('error of the angle', figures['error of the angle, degrees'], short ? 25 : 15),
  ],
});
