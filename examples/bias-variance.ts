import { add, analysis, compile, data, f32, grad, matmul, nn, optim, Parameter } from 'chainrule';
import type { Tensor } from 'chainrule';
import { atLeast, atMost, example, predict } from './kit/index.ts';

/** Training sets and their rows, test points, and how often y is observed at each of these. */
const [RUNS, ROWS, POINTS, DRAWS] = [40, 25, 100, 100];
const truth = { mean: (x: number) => x + Math.sin(3 * x) / 2, sigma: () => 0.3 };
const LINE_BIAS2 = 0.1095; // mean squared distance of this mean from the nearest line on [−2, 2]: by integration

/** An affine map for each run, all at once: x [runs or 1, n, inputs] → [runs, n, outputs]. */
class Affine extends nn.Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(inputs: number, outputs: number, std: number) {
    super();
    this.weight = new Parameter([RUNS, inputs, outputs], nn.init.normalInit(std));
    this.bias = new Parameter([RUNS, 1, outputs], nn.init.normalInit(std));
  }

  forward(x: Tensor): Tensor {
    return add(matmul(x, this.weight), this.bias);
  }
}

/** f(x) = a x + c, and with units f(x) = a x + c + W₂ tanh(W₁ x + b₁) + b₂. */
function networks(units: number): nn.Module {
  const line = new Affine(1, 1, 0);
  if (units === 0) return line;
  const [inner, outer] = [new Affine(1, units, units ** 0.5), new Affine(units, 1, units ** -0.5)];
  return new nn.Residual(new nn.Sequential(inner, new nn.Tanh(), outer), line);
}

/**
 * The parts of the generalisation error (notes 4.2; Geman et al. 1992): E (f(x) − y)² = bias² + variance + noise, where f
 * has learned from n examples, and from initial weights, of its own each time. With more units the bias falls and the
 * variance rises: for p parameters that are all of use it is about p (σ² + bias²) / n.
 */
export default example({
  title: 'Bias and variance: what networks get wrong, by their size',

  async run({ device, seed, short, log }) {
    const steps = short ? 150 : 400;
    const sample = (run: number) => data.heteroscedastic({ ...truth, rows: ROWS, seed: 1000 * seed + run });
    const sets = Array.from({ length: RUNS }, (_, run) => sample(run).columns);
    const all = (name: 'x' | 'y') => Float32Array.from(sets.flatMap((columns) => [...columns[name]]));
    const batch = { x: all('x'), y: all('y') };
    const points = Float32Array.from({ length: POINTS }, (_, i) => (4 * (i + 0.5)) / POINTS - 2);
    const test = new data.Dataset({ x: points }, { x: [POINTS, 1] });
    const eps = data.heteroscedastic({ ...truth, mean: () => 0, rows: 2 * DRAWS * POINTS, seed }).columns.y;
    const observed = (draw: number) => points.map((x, i) => truth.mean(x) + eps[draw * POINTS + i]!);
    const targets = Array.from({ length: 2 * DRAWS }, (_, draw) => observed(draw));

    const figures: Record<string, number> = {};
    for (const units of [0, 4, 64]) {
      const model = networks(units);
      const optimizer = new optim.RMSprop(model.parameters(), { lr: optim.cosine(0.02, steps), alpha: 0.9 });
      const learn = ({ x, y }: { x: Tensor; y: Tensor }) => {
        const loss = nn.mse(model.forward(x), y);
        return { outputs: {}, updates: optimizer.update(grad(loss, optimizer.params)) };
      };
      const shape = f32(RUNS, ROWS, 1);
      const step = await compile(device, { x: shape, y: shape }, learn, { seed });
      for (let i = 0; i < steps; i++) await step(batch);

      const f = await predict(device, { x: f32(1, POINTS, 1) }, ({ x }) => model.forward(x), test);
      const train = (_: unknown, run: number) => f.subarray(run * POINTS, (run + 1) * POINTS);
      const split = (y: Float32Array[]) => analysis.biasVariance({ runs: RUNS, sample, train, targets: y });
      const { bias2, variance, noise } = await split(targets.slice(DRAWS));
      const { error } = await split(targets.slice(0, DRAWS));
      log(
        `${units} units: bias² ${bias2.toFixed(4)}, variance ${variance.toFixed(4)}, error ${error.toFixed(4)}`,
      );
      figures[`bias² of ${units} units`] = bias2;
      figures[`variance of ${units} units`] = variance;
      figures['noise'] = noise;
      figures[`error on unseen y / sum, ${units} units`] = error / (bias2 + variance + noise);
    }
    return figures;
  },

  claims: (f) => [
    atMost('bias² of lines / exact − 1', Math.abs(f['bias² of 0 units']! / LINE_BIAS2 - 1), 0.1),
    atLeast('bias² of 0 / 4 units', f['bias² of 0 units']! / f['bias² of 4 units']!, 4),
    atLeast('bias² of 4 / 64 units', f['bias² of 4 units']! / f['bias² of 64 units']!, 1.3),
    atLeast('variance of 4 / 0 units', f['variance of 4 units']! / f['variance of 0 units']!, 1.5),
    atLeast('variance of 64 / 4 units', f['variance of 64 units']! / f['variance of 4 units']!, 1.3),
    atMost('√noise / σ − 1', Math.abs(Math.sqrt(f['noise']!) / truth.sigma() - 1), 0.03),
    ...[0, 4, 64].map((units) =>
      atMost('error / sum − 1', Math.abs(f[`error on unseen y / sum, ${units} units`]! - 1), 0.05),
    ),
  ],
});
