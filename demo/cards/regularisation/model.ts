import { abs, add, and, cast, compile, f32, grad, lt, mul, nn, optim, Parameter } from 'chainrule';
import { sigmoid, sqrt, square, stack, sum, where } from 'chainrule';
import type { Device, Tensor, Update } from 'chainrule';

export interface Settings {
  dropout: number;
  samples: number;
  lr: number;
  seed: number;
}

const UNITS = 64;
/** Steps without improvement after which early stopping stops. */
const PATIENCE = 100;

/** Two hidden layers of ReLUs, each with something before it; one logit. */
const network = (before: () => nn.Module = () => new nn.Identity()) =>
  new nn.Sequential(
    new nn.Linear(2, UNITS),
    before(),
    new nn.ReLU(),
    new nn.Linear(UNITS, UNITS),
    before(),
    new nn.ReLU(),
    new nn.Linear(UNITS, 1),
  );

class Lab extends nn.Module {
  none = network();
  l1 = network();
  l2 = network();
  dropout: nn.Module;
  batchNorm = network(() => new nn.BatchNorm1d(UNITS));
  /** Never trained: the weights of `none` when it was best. */
  earlyStopping = network();
  best = new Parameter([], () => [1e9], { trainable: false });
  waited = new Parameter([], () => [0], { trainable: false });

  constructor(p: number) {
    super();
    // before a ReLU or after it is the same: max(0, m h) = m max(0, h) for m ≥ 0
    this.dropout = network(() => new nn.Dropout(p));
  }

  get trained(): nn.Module[] {
    return [this.none, this.l1, this.l2, this.dropout, this.batchNorm];
  }

  /** The logits of all networks: [6, n, 1]. */
  forward(x: Tensor): Tensor {
    return stack([...this.trained, this.earlyStopping].map((net) => net.forward(x)));
  }
}

/** W of each layer, without its b. */
const weights = (net: nn.Module) => net.parameters().filter(({ rank }) => rank === 2);

export async function build(device: Device, settings: Settings) {
  const { dropout, samples, lr, seed } = settings;
  const lab = new Lab(dropout);
  const nets = [...lab.trained, lab.earlyStopping];
  // asked one by one, all give their parameters the same names, and so the same initial values
  const params = nets.map((net) => net.parameters());
  const optimizer = new optim.Adam(params.slice(0, -1).flat(), { lr });

  /** Keep the weights with the least validation loss, until it has not fallen for a while. */
  function stopEarly(validation: Tensor): Update[] {
    const { best, waited } = lab;
    const improves = and(lt(validation, best), lt(waited, PATIENCE));
    const [current, kept] = [params[0]!, params.at(-1)!];
    return [
      [best, where(improves, validation, best)],
      [waited, where(improves, 0, add(waited, 1))],
      ...kept.map((w, i): Update => [w, where(improves, current[i]!, w)]),
    ];
  }

  const train = await compile(
    device,
    { x: f32(samples, 2), y: f32(samples, 1), vx: f32(100, 2), vy: f32(100, 1), lambda: f32() },
    ({ x, y, vx, vy, lambda }) => {
      const loss = (net: nn.Module) => nn.bceWithLogits(net.train().forward(x), y);
      const losses = [
        loss(lab.none),
        add(loss(lab.l1), mul(lambda, nn.l1Penalty(weights(lab.l1), 1))),
        add(loss(lab.l2), mul(lambda, nn.l2Penalty(weights(lab.l2), 1))),
        loss(lab.dropout),
        loss(lab.batchNorm),
      ];
      // each network's parameters are in one term only
      const gradients = grad(sum(stack(losses)), optimizer.params);

      const validation = (net: nn.Module) => nn.bceWithLogits(net.eval().forward(vx), vy);
      const none = validation(lab.none);
      return {
        outputs: {
          none,
          l1: validation(lab.l1),
          l2: validation(lab.l2),
          dropout: validation(lab.dropout),
          batchNorm: validation(lab.batchNorm),
          earlyStopping: validation(lab.earlyStopping),
        },
        updates: [...optimizer.update(gradients), ...stopEarly(none)],
      };
    },
    { seed },
  );

  const predict = await compile(
    device,
    { x: f32(48 * 48, 2) },
    ({ x }) => ({ outputs: { p: sigmoid(lab.eval().forward(x)) } }),
    { seed },
  );

  /** Of all weights of each network: their norm, and the share of them that is near 0. */
  const inspect = await compile(
    device,
    {},
    () => {
      const each = (of: (w: Tensor) => Tensor) =>
        nets.map((net) =>
          weights(net)
            .map((w) => sum(of(w)))
            .reduce((a, b) => add(a, b)),
        );
      const count = weights(lab.none).reduce((n, { size }) => n + size, 0);
      const norms = sqrt(stack(each(square)));
      const small = stack(each((w) => cast(lt(abs(w), 0.01), 'f32')));
      return { outputs: { norms, nearZero: mul(small, 1 / count) } };
    },
    { seed },
  );
  return { model: lab, optimizer, train, predict, inspect };
}
