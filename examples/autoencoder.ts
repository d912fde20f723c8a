import { compile, f32, grad, nn, optim, reshape, type Tensor } from 'chainrule';
import { atMost, example, fit, imageGrid, mnist, pcaError, predict } from './kit/index.ts';

const BATCH = 50;
const PIXELS = 14 * 14;
/** Numbers that an image has to go through. */
const WIDTH = 8;

class Dense extends nn.Module {
  f = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(PIXELS, 128),
    new nn.SiLU(),
    new nn.Linear(128, WIDTH),
  );
  g = new nn.Sequential(new nn.Linear(WIDTH, 128), new nn.SiLU(), new nn.Linear(128, PIXELS));

  forward(x: Tensor): Tensor {
    const z = this.f.forward(x);
    return reshape(this.g.forward(z), x.shape);
  }
}

class Convolutional extends nn.Module {
  f = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { stride: 2, padding: 1 }), // → 8 × 7 × 7
    new nn.SiLU(),
    new nn.Conv2d(8, 16, 3, { stride: 2, padding: 1 }), // → 16 × 4 × 4
    new nn.SiLU(),
    new nn.Flatten(),
    new nn.Linear(16 * 4 * 4, WIDTH),
  );
  widen = new nn.Linear(WIDTH, 16 * 4 * 4);
  g = new nn.Sequential(
    new nn.SiLU(),
    new nn.ConvTranspose2d(16, 8, 3, { stride: 2, padding: 1 }), // → 8 × 7 × 7
    new nn.SiLU(),
    new nn.ConvTranspose2d(8, 1, 4, { stride: 2, padding: 1 }), // → 1 × 14 × 14
  );

  forward(x: Tensor): Tensor {
    const z = this.f.forward(x);
    return this.g.forward(reshape(this.widen.forward(z), [-1, 16, 4, 4]));
  }
}

/** Autoencoders minimise ‖x − g(f(x))‖² (notes 9.1). A linear one cannot do better than principal components. */
export default example({
  title: 'Autoencoders: digits through eight numbers, dense and convolutional',

  async run({ device, seed, short, log, save }) {
    const { train, test } = await mnist({ side: 14, tested: short ? 500 : 5000 });
    const steps = short ? 60 : 800;
    const tested = test.columns.x;

    async function errorOf(model: nn.Module, name: string): Promise<number> {
      const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(1e-2, steps) });
      const step = await compile(
        device,
        { x: f32(BATCH, 1, 14, 14) },
        ({ x }) => {
          const loss = nn.mse(model.forward(x), x);
          return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
        { seed },
      );
      await fit(step, train.select('x'), { batch: BATCH, steps, seed, log });
      const y = await predict(device, { x: f32(500, 1, 14, 14) }, ({ x }) => model.forward(x), test);
      const [before, after] = [tested, y].map((images) => images.subarray(0, 10 * PIXELS));
      await save(
        `${name}.png`,
        imageGrid(Float32Array.of(...before!, ...after!), 10, { height: 14, width: 14, scale: 3 }),
      );
      return y.reduce((sum, value, i) => sum + (value - tested[i]!) ** 2, 0) / y.length;
    }
    return {
      'mean image': pcaError(tested, PIXELS, 0),
      'principal components': pcaError(tested, PIXELS, WIDTH),
      dense: await errorOf(new Dense(), 'dense'),
      convolutional: await errorOf(new Convolutional(), 'convolutional'),
    };
  },

  claims({ dense, convolutional, ...linear }, short) {
    const yardstick = short ? linear['mean image'] : linear['principal components'];
    return [
      atMost('error of dense / yardstick', dense / yardstick, short ? 1 : 0.9),
      atMost('error of convolutional / yardstick', convolutional / yardstick, short ? 1 : 0.9),
    ];
  },
});
