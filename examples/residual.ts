import { add, compile, f32, grad, i32, metrics, nn, optim, relu, type Tensor } from 'chainrule';
import { atLeast, example, fit, mnist, predict } from './kit/index.ts';

const [BATCH, DEPTH, WIDTH] = [50, 24, 48];

/** f(h) = σ(norm(W h + b)). */
class Layer extends nn.Module {
  affine = new nn.Linear(WIDTH, WIDTH);
  norm = new nn.BatchNorm1d(WIDTH);

  forward(h: Tensor): Tensor {
    return relu(this.norm.forward(this.affine.forward(h)));
  }
}

/** The same layers twice: h ← f(h), and h ← h + f(h). */
class Plain extends nn.Module {
  first = new nn.Linear(784, WIDTH);
  layers = Array.from({ length: DEPTH }, () => new Layer());
  last = new nn.Linear(WIDTH, 10);

  forward(x: Tensor): Tensor {
    return this.last.forward(this.layers.reduce((h, f) => this.connect(h, f), this.first.forward(x)));
  }

  connect(h: Tensor, f: Layer): Tensor {
    return f.forward(h);
  }
}

class Residual extends Plain {
  override connect(h: Tensor, f: Layer): Tensor {
    return add(h, f.forward(h));
  }
}

/**
 * Residual connections against shattered gradients (notes 5; He et al. 2016; Balduzzi et al. 2017): a deep network learns
 * with them and hardly without, from the same initial weights. Batch norm keeps the size of h in both.
 */
export default example({
  title: 'Residual network: layers that learn, and as many that do not',

  async run({ device, seed, short, log }) {
    const { train, test } = await mnist({ tested: short ? 1000 : 5000 });
    const steps = short ? 60 : 400;

    async function accuracyOf(model: Plain): Promise<number> {
      const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(3e-3, steps) });
      const step = await compile(
        device,
        { x: f32(BATCH, 784), y: i32(BATCH) },
        ({ x, y }) => {
          const loss = nn.crossEntropy(model.forward(x), y);
          return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
        { seed },
      );
      await fit(step, train, { batch: BATCH, steps, seed, log });
      const z = await predict(device, { x: f32(500, 784) }, ({ x }) => model.eval().forward(x), test);
      return metrics.accuracy(z, test.columns.y);
    }
    return { plain: await accuracyOf(new Plain()), residual: await accuracyOf(new Residual()) };
  },

  claims: ({ plain, residual }, short) => [
    atLeast('residual accuracy', residual, short ? 0.6 : 0.88),
    atLeast('residual − plain', residual - plain, 0.1),
  ],
});
