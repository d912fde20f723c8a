import { analysis, compile, f32, nn } from 'chainrule';
import { atLeast, atMost, example, mnist } from './kit/index.ts';

const [PIXELS, WIDE, NARROW] = [14 * 14, 128, 64];
/** Lines from one digit to another, points on each, and how many steps two of them are apart in the figures. */
const [LINES, POINTS, LAG] = [8, 32, 2];

/** h ↦ W h with weights that keep the size of h, of which a ReLU has left one half or which is whole. */
const linear = (inputs: number, outputs: number, nonlinearity: nn.init.Nonlinearity = 'linear') =>
  new nn.Linear(inputs, outputs, { bias: false, weightInit: nn.init.kaimingNormal({ nonlinearity }) });

/** f(h) = W σ(norm(h)), and h ← f(h). */
const plain = (inputs: number, outputs: number): nn.Module =>
  new nn.Sequential(new nn.LayerNorm(inputs), new nn.ReLU(), linear(inputs, outputs, 'relu'));

/** h ← h + f(h), or P h + f(h) where the widths differ. */
const residual = (inputs: number, outputs: number): nn.Module =>
  new nn.Residual(plain(inputs, outputs), inputs === outputs ? undefined : linear(inputs, outputs));

/** Images [n, 196] → [n, 1] through `depth` layers, the first half of them wide. */
function network(layer: typeof plain, depth: number): nn.Module {
  const width = (l: number) => (l < depth / 2 ? WIDE : NARROW);
  const layers = Array.from({ length: depth }, (_, l) => layer(width(l), width(l + 1)));
  return new nn.Sequential(linear(PIXELS, WIDE), ...layers, plain(NARROW, 1));
}

/**
 * Shattered gradients (notes 5; Balduzzi et al. 2017): how alike are g = ∂f/∂x at neighbouring x, before any training? In
 * wide networks each plain layer multiplies ⟨g, g′⟩ by the share of units that x and x′ switch alike, 1 − θ/π for the angle
 * θ between their h: with depth the gradient turns into noise. The l-th h + f(h) replaces only about 1/l of g, and so the
 * gradient of a deep network stays almost as smooth as that of a shallow one. Infinitely wide networks on lines of 66°
 * would have 0.69 with 3 layers; plain ones 0.41 with 25 and 0.25 with 49, residual ones 0.68 and 0.67.
 */
export default example({
  title: 'Shattered gradients: what residual connections are for',

  async run({ device, seed, short, log, save }) {
    const [depth, networks] = short ? [24, 1] : [48, 3];
    const { test } = await mnist({ side: 14, tested: 1000 });
    const digit = (number: number) => test.subset([2 * LINES * seed + number]).columns.x;
    const x = new Float32Array(LINES * POINTS * PIXELS);
    for (let line = 0; line < LINES; line++) {
      const [a, b] = [digit(2 * line), digit(2 * line + 1)];
      for (let point = 0; point < POINTS; point++) {
        const t = point / (POINTS - 1);
        x.set(
          a.map((value, i) => (1 - t) * value + t * b[i]!),
          (line * POINTS + point) * PIXELS,
        );
      }
    }

    /** Autocorrelation of g along a line at lags of 0, 1, …: means over lines and networks. */
    async function autocorrelation(name: string, layer: typeof plain, layers: number): Promise<Float64Array> {
      const mean = new Float64Array(POINTS / 2);
      for (let n = 0; n < networks; n++) {
        const model = network(layer, layers);
        const { trainable } = analysis.summary(model, [1, PIXELS]); // also names them, and values are drawn by (seed, name)
        log(`${name}, network ${n + 1}: ${trainable} parameters`);
        const step = await compile(
          device,
          { x: f32(LINES * POINTS, PIXELS) },
          (inputs) => ({ outputs: { g: analysis.inputGradients((h) => model.forward(h), inputs.x) } }),
          { seed: networks * seed + n },
        );
        const g = await (await step({ x })).g.data();
        for (let line = 0; line < LINES; line++) {
          const path = g.subarray(line * POINTS * PIXELS, (line + 1) * POINTS * PIXELS);
          const r = analysis.autocorrelation(path, { points: POINTS, maxLag: mean.length - 1 });
          r.forEach((value, lag) => (mean[lag]! += value / LINES / networks));
        }
        step.release();
      }
      return mean;
    }
    const shallow = await autocorrelation('shallow', plain, 2);
    const deep = await autocorrelation('plain', plain, depth);
    const connected = await autocorrelation('residual', residual, depth);
    const table = [...shallow.keys()].map((lag) =>
      [lag / (POINTS - 1), shallow[lag], deep[lag], connected[lag]].map((v) => v!.toFixed(3)).join(','),
    );
    await save('autocorrelation.csv', ['distance,shallow,plain,residual', ...table, ''].join('\n'));
    return { shallow: shallow[LAG]!, plain: deep[LAG]!, residual: connected[LAG]! };
  },

  claims: (figures, short) => [
    atLeast('shallow', figures.shallow, 0.6),
    atMost('plain', figures.plain, short ? 0.5 : 0.35),
    atLeast('residual', figures.residual, 0.5),
    atLeast('residual − plain', figures.residual - figures.plain, short ? 0.15 : 0.25),
  ],
});
