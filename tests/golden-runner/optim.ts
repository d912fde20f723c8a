import { add, compile, grad, nn, optim, Parameter, type Device, type Tensor } from '../../src/index.ts';
import { Attrs, MissingError, withPrefix, type Results, type TensorCase } from './case.ts';

const adamOptions = (attrs: Attrs) => ({
  lr: attrs.get<number>('lr'),
  betas: [attrs.get('beta1', 0.9), attrs.get('beta2', 0.999)] as const,
  eps: attrs.get('eps', 1e-8),
});

type AnyOptimizer = optim.Optimizer<optim.OptimizerOptions>;

/** A plain step along the gradient and that of the penalty λ ‖p‖₁, as a loss with `l1Penalty` has it. */
class SgdWithL1 extends optim.SGD {
  readonly #lambda: number;

  constructor(params: readonly Parameter[], attrs: Attrs) {
    super(params, { lr: attrs.get('lr') });
    this.#lambda = attrs.get('l1');
  }

  override update(grads: readonly Tensor[]) {
    const ofPenalty = grad(nn.l1Penalty(this.params, this.#lambda), this.params);
    return super.update(grads.map((g, i) => add(g, ofPenalty[i]!)));
  }
}

const optimizers: Readonly<Record<string, (params: readonly Parameter[], attrs: Attrs) => AnyOptimizer>> = {
  sgd: (params, attrs) =>
    new optim.SGD(params, {
      lr: attrs.get('lr'),
      momentum: attrs.get('momentum', 0),
      nesterov: attrs.get('nesterov', false),
      weightDecay: attrs.get('weight_decay', 0),
    }),
  sgd_l1: (params, attrs) => new SgdWithL1(params, attrs),
  sgd_momentum_ema: (params, attrs) =>
    new optim.SGD(params, { lr: attrs.get('lr'), momentum: attrs.get('momentum'), ema: true }),
  adam: (params, attrs) =>
    new optim.Adam(params, { ...adamOptions(attrs), weightDecay: attrs.get('weight_decay', 0) }),
  adamw: (params, attrs) =>
    new optim.AdamW(params, { ...adamOptions(attrs), weightDecay: attrs.get('weight_decay', 0.01) }),
  rmsprop: (params, attrs) =>
    new optim.RMSprop(params, {
      lr: attrs.get('lr'),
      alpha: attrs.get('alpha'),
      eps: attrs.get('eps'),
      momentum: attrs.get('momentum', 0),
      centered: attrs.get('centered', false),
    }),
  adam_eps_inside: (params, attrs) => new optim.Adam(params, { ...adamOptions(attrs), epsInsideSqrt: true }),
};

/** @throws MissingError for an optimizer or a setting that the library lacks */
export function makeOptimizer(name: string, params: readonly Parameter[], attrs: Attrs): AnyOptimizer {
  const make = optimizers[name];
  if (!make) throw new MissingError(`optimizer ${name}`);
  const optimizer = make(params, attrs);
  attrs.requireAllKnown();
  return optimizer;
}

/** The parameter after each step with the given gradients, read back from the device. */
export async function runOptimizer(device: Device, golden: TensorCase): Promise<Results> {
  const start = withPrefix(golden, 'param').get('p')!;
  const grads = withPrefix(golden, 'in').get('grads')!;
  const p = new Parameter(start.shape, nn.init.values(start.data), { name: 'p' });
  const optimizer = makeOptimizer(golden.op, [p], golden.attrs);
  const step = await compile(device, { g: { dtype: 'f32', shape: start.shape } }, ({ g }) => ({
    outputs: {},
    updates: optimizer.update([g]),
  }));
  const trajectory = new Float32Array(grads.data.length);
  for (let from = 0; from < trajectory.length; from += p.size) {
    await step({ g: grads.data.slice(from, from + p.size) as Float32Array });
    trajectory.set(await p.read(device), from);
  }
  step.release();
  return new Map([['out.trajectory', { shape: grads.shape, data: trajectory }]]);
}
