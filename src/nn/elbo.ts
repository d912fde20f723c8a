import { type Distribution, kl, Normal } from '../distributions/index.ts';
import { ArgumentError, sameShape, ShapeError, type Tensor } from '../graph/index.ts';
import { flatten, mul, sub, sum } from '../ops/index.ts';
import { reduceLoss, type LossOptions } from './reduction.ts';

export interface ElboOptions extends LossOptions {
  /** Weight of the KL term (Higgins et al. 2017; notes 9.2.4); default 1. */
  beta?: number;
  /** p(z), of the posterior's family; default N(0, I). */
  prior?: Distribution;
}

export interface Elbo {
  /** reconstruction − beta · kl: what to maximise. */
  readonly elbo: Tensor;
  /** E log p(x|z), estimated by the one z of each sample. */
  readonly reconstruction: Tensor;
  /** KL(q(z|x) ‖ p(z)), in closed form. */
  readonly kl: Tensor;
}

/**
 * The evidence lower bound E log p(x|z) − beta · KL(q(z|x) ‖ p(z)) of a variational autoencoder, in nats (Kingma and Welling
 * 2014, eq. 10; notes 9.2.2 and 9.2.4). For Gaussian observations all constants are included, so that values can be
 * compared across models.
 *
 * ```ts
 * const posterior = new distributions.Normal(mu, { logVar });
 * const observation = new distributions.Bernoulli(decoder.forward(posterior.sample()));
 * const { elbo } = nn.elbo(x, observation, posterior);
 * const loss = neg(elbo);
 * ```
 *
 * @param x [n, ...] data
 * @param observation p(x|z), of the shape of x, for a z sampled from `posterior`
 * @param posterior q(z|x), of shape [n, ...]
 * @returns the value to maximise and its two terms. Variables of a sample are added up; samples are reduced: mean (as well
 *   for 'batchmean'), 'sum', or 'none' for [n]
 * @throws ShapeError when shapes do not fit or there is no sample, ArgumentError unless beta ≥ 0, for an unknown reduction,
 *   or when the KL term has no closed form
 */
export function elbo(
  x: Tensor,
  observation: Distribution,
  posterior: Distribution,
  { beta = 1, prior = new Normal(0), reduction = 'mean' }: ElboOptions = {},
): Elbo {
  if (!(beta >= 0)) throw new ArgumentError('elbo', 'beta >= 0', beta);
  if (!sameShape(x.shape, observation.shape))
    throw new ShapeError('elbo', [x.shape, observation.shape], 'x and observation of one shape');
  if (x.rank === 0 || x.shape[0] !== posterior.shape[0])
    throw new ShapeError('elbo', [x.shape, posterior.shape], 'x and posterior with one row per sample');
  const logProb = observation.logProb(x);
  const divergence = kl(posterior, prior);
  const perSample = (values: Tensor) => reduceLoss('elbo', sum(flatten(values), { axes: 1 }), reduction);
  const [reconstruction, divergences] = [perSample(logProb), perSample(divergence)];
  return { elbo: sub(reconstruction, mul(divergences, beta)), reconstruction, kl: divergences };
}
