import { ArgumentError } from '../graph/index.ts';

export interface BiasVarianceOptions<D> {
  /** How many models are trained, at least 2. */
  runs: number;
  /** The training set of a run: drawn anew where the truth is known, or else resampled (`Dataset.bootstrap`). */
  sample(run: number): D;
  /** Trains the model from its start and gives its predictions at the test points: [points]. */
  train(dataset: D, run: number): ArrayLike<number> | Promise<ArrayLike<number>>;
  /**
   * Values observed at the test points: one or more independent draws [points]. A single draw without noise is the truth
   * itself; of a single draw with noise, the noise counts as bias.
   */
  targets: readonly ArrayLike<number>[];
}

/** Parts of the expected squared error, each a mean over the test points. */
export interface BiasVariance {
  /** Mean squared error over runs, draws of the targets and points. */
  readonly error: number;
  /** (mean target − mean prediction)² */
  readonly bias2: number;
  /** Variance of the predictions over runs. */
  readonly variance: number;
  /** Variance of the targets over draws: what no model can predict. */
  readonly noise: number;
  /** The same at each test point: [points]. */
  readonly perPoint: Readonly<Record<'bias2' | 'variance' | 'noise', Float64Array>>;
}

/**
 * Train the same model on several training sets, and split its generalisation error into parts (notes 4.2; Geman et al.
 * 1992): E[(f(x) − y)²] = (ȳ(x) − f̄(x))² + Var f(x) + Var y(x), averaged over x. With means and variances over the runs
 * and draws at hand (denominators: their numbers) the sum holds but for rounding; as an estimate for all runs and draws,
 * bias² is too large by variance / (runs − 1) + noise / (draws − 1), and the other two are too small by these.
 *
 * @throws ArgumentError for fewer than 2 runs, no targets or points, targets or predictions of different lengths, and
 *   numbers that are not finite
 */
export async function biasVariance<D>({
  runs,
  sample,
  train,
  targets,
}: BiasVarianceOptions<D>): Promise<BiasVariance> {
  if (!Number.isInteger(runs) || runs < 2) throw new ArgumentError('biasVariance', 'at least 2 runs', runs);
  const points = targets[0]?.length ?? 0;
  if (points === 0) throw new ArgumentError('biasVariance', 'targets at one test point or more', 'none');
  for (const target of targets) requireValues('targets', target, points);
  const predictions: ArrayLike<number>[] = [];
  for (let run = 0; run < runs; run++) {
    const prediction = await train(sample(run), run);
    requireValues(`predictions of run ${run}`, prediction, points);
    predictions.push(prediction);
  }
  const [f, y] = [moments(predictions, points), moments(targets, points)];
  const bias2 = y.mean.map((mean, i) => (mean - f.mean[i]!) ** 2);
  let squares = 0;
  for (const prediction of predictions)
    for (const target of targets)
      for (let i = 0; i < points; i++) squares += (prediction[i]! - target[i]!) ** 2;
  return {
    error: squares / (runs * targets.length * points),
    bias2: average(bias2),
    variance: average(f.variance),
    noise: average(y.variance),
    perPoint: { bias2, variance: f.variance, noise: y.variance },
  };
}

function moments(draws: readonly ArrayLike<number>[], points: number) {
  const mean = new Float64Array(points);
  const variance = new Float64Array(points);
  for (let i = 0; i < points; i++) {
    for (const draw of draws) mean[i]! += draw[i]! / draws.length;
    for (const draw of draws) variance[i]! += (draw[i]! - mean[i]!) ** 2 / draws.length;
  }
  return { mean, variance };
}

const average = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

function requireValues(what: string, values: ArrayLike<number>, points: number): void {
  if (values.length !== points)
    throw new ArgumentError('biasVariance', `${points} ${what}`, `${values.length}`);
  for (let i = 0; i < points; i++)
    if (!Number.isFinite(values[i]))
      throw new ArgumentError('biasVariance', `finite ${what}`, String(values[i]));
}
