import { ArgumentError, Parameter, type Tensor, type Update } from '../graph/index.ts';
import { add, div, exp, fill, gt, hostScalar, mul, neg, sqrt, square, sub, where } from '../ops/index.ts';
import type { Schedule } from './schedule.ts';

/** Parameters that share options. */
export interface ParameterGroup<Options> {
  readonly params: readonly Parameter[];
  readonly options?: Partial<Options>;
}

/** What every optimizer takes: the rate of each step. */
export interface OptimizerOptions {
  /** Learning rate, or a schedule of it. It is sent with each step, so changing it recompiles nothing. */
  lr: number | Schedule;
}

/** The learning rate of one group: a host value read once per step. */
class Rate {
  value: number | Schedule;
  /** Steps taken so far; a schedule sees it. Set it to resume. */
  step = 0;
  readonly tensor: Tensor;

  constructor(name: string, value: number | Schedule) {
    this.value = value;
    this.tensor = hostScalar(name, () => {
      const now = typeof this.value === 'function' ? this.value(this.step) : this.value;
      this.step++;
      return now;
    });
  }
}

/**
 * Turns gradients into parameter updates. State (moments, counters) lives in parameters, so that the
 * update is part of the step's graph.
 */
export abstract class Optimizer<Options extends OptimizerOptions> {
  readonly params: readonly Parameter[];
  readonly #groups: readonly {
    readonly params: readonly Parameter[];
    readonly options: Options;
    readonly rate: Rate;
  }[];
  readonly #state = new Map<string, Parameter>();
  readonly #stateOf = new Map<Parameter, Map<string, Parameter>>();

  /**
   * @param params parameters, or groups with options of their own
   * @throws ArgumentError for an empty list or a parameter given twice
   */
  constructor(params: readonly Parameter[] | readonly ParameterGroup<Options>[], options: Options) {
    const groups = (
      params.length > 0 && params[0] instanceof Parameter ? [{ params }] : params
    ) as readonly ParameterGroup<Options>[];
    this.#groups = groups.map((group, i) => {
      const merged = { ...options, ...group.options };
      return { params: group.params, options: merged, rate: new Rate(`lr${i}`, merged.lr) };
    });
    this.params = groups.flatMap((group) => group.params);
    if (this.params.length === 0)
      throw new ArgumentError(this.constructor.name, 'at least one parameter', '0');
    if (new Set(this.params).size !== this.params.length)
      throw new ArgumentError(this.constructor.name, 'each parameter once', 'a parameter in two places');
  }

  /** The learning rate of the first group; assigning sets it for all groups, from the next step on. */
  get lr(): number | Schedule {
    return this.#groups[0]!.rate.value;
  }

  set lr(rate: number | Schedule) {
    for (const group of this.#groups) group.rate.value = rate;
  }

  /** Steps taken so far, as schedules count them; set it when resuming from a checkpoint. */
  get steps(): number {
    return this.#groups[0]!.rate.step;
  }

  set steps(step: number) {
    for (const group of this.#groups) group.rate.step = step;
  }

  /** Moments and counters by name: `<parameter>.<moment>`; save them with the model to resume exactly. */
  state(): ReadonlyMap<string, Parameter> {
    return this.#state;
  }

  /**
   * Updates of all parameters from their gradients.
   *
   * @param grads one per parameter, in the order of `params`, each of its parameter's shape
   * @returns updates for `compile`: parameters, moments and counters
   * @throws ArgumentError for another number of gradients
   */
  update(grads: readonly Tensor[]): Update[] {
    if (grads.length !== this.params.length)
      throw new ArgumentError(
        `${this.constructor.name}.update`,
        `${this.params.length} gradients`,
        `${grads.length}`,
      );
    let next = 0;
    return this.#groups.flatMap(({ params, options, rate }) => {
      const pairs = params.map((p) => [p, grads[next++]!] as const);
      return this.updateGroup(pairs, options, rate.tensor);
    });
  }

  /** Updates of one group; called once per trace. */
  protected abstract updateGroup(
    pairs: readonly (readonly [Parameter, Tensor])[],
    options: Options,
    lr: Tensor,
  ): Update[];

  /** A persistent tensor like `p`, zero at first. */
  protected moment(p: Parameter, name: string): Parameter {
    return this.#stored(
      p,
      name,
      () =>
        new Parameter(p.shape, (shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)), {
          trainable: false,
          like: p,
        }),
    );
  }

  /** A persistent scalar, zero at first, shared by the group that `first` opens. */
  protected counter(first: Parameter, name: string): Parameter {
    return this.#stored(first, name, () => new Parameter([], () => [0], { trainable: false }));
  }

  #stored(owner: Parameter, what: string, make: () => Parameter): Parameter {
    const ofOwner = this.#stateOf.get(owner) ?? new Map<string, Parameter>();
    this.#stateOf.set(owner, ofOwner);
    let state = ofOwner.get(what);
    if (!state) {
      state = make();
      ofOwner.set(what, state);
      // Parameters of two models may have one name; the second gets a number.
      const name = `${owner.label}.${what}`;
      state.name = name;
      for (let n = 2; this.#state.has(state.name); n++) state.name = `${name}#${n}`;
      this.#state.set(state.name, state);
    }
    return state;
  }
}

export interface SGDOptions extends OptimizerOptions {
  /** μ of v ← μ v + g; default 0. */
  momentum?: number;
  /** Use g + μ v (Sutskever et al. 2013). */
  nesterov?: boolean;
  /** Coupled ℓ² decay: g + weightDecay · p; default 0. */
  weightDecay?: number;
}

/**
 * p ← p − lr · (g, or its momentum), with PyTorch's conventions. Notes 2.3.1. `update` throws ArgumentError for
 * `nesterov` without momentum.
 */
export class SGD extends Optimizer<SGDOptions> {
  protected updateGroup(
    pairs: readonly (readonly [Parameter, Tensor])[],
    { momentum = 0, nesterov = false, weightDecay = 0 }: SGDOptions,
    lr: Tensor,
  ): Update[] {
    if (nesterov && momentum === 0) throw new ArgumentError('SGD', 'momentum > 0 with nesterov', 0);
    return pairs.flatMap(([p, gradient]): Update[] => {
      const g = weightDecay ? add(gradient, mul(p, weightDecay)) : gradient;
      if (momentum === 0) return [[p, sub(p, mul(g, lr))]];
      const velocity = this.moment(p, 'momentum');
      const v = add(mul(velocity, momentum), g);
      return [
        [velocity, v],
        [p, sub(p, mul(nesterov ? add(g, mul(v, momentum)) : v, lr))],
      ];
    });
  }
}

export interface AdamOptions extends OptimizerOptions {
  /** Decay rates of the two moments; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Keeps the quotient finite; default 1e-8. */
  eps?: number;
  /** ℓ² decay: coupled in Adam, decoupled in AdamW. */
  weightDecay?: number;
  /** m̂ / √(v̂ + eps), as the notes write it (2.3.2), instead of m̂ / (√v̂ + eps). */
  epsInsideSqrt?: boolean;
}

/** Adam (Kingma and Ba 2015, algorithm 1), with ℓ² decay added to the gradient. */
export class Adam extends Optimizer<AdamOptions> {
  protected updateGroup(
    pairs: readonly (readonly [Parameter, Tensor])[],
    options: AdamOptions,
    lr: Tensor,
  ): Update[] {
    const decay = options.weightDecay ?? 0;
    return this.adam(pairs, options, lr, (p, g) => [p, decay ? add(g, mul(p, decay)) : g]);
  }

  /** The shared rule; `decay` gives the parameter and the gradient that it starts from. */
  protected adam(
    pairs: readonly (readonly [Parameter, Tensor])[],
    { betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8, epsInsideSqrt = false }: AdamOptions,
    lr: Tensor,
    decay: (p: Parameter, g: Tensor) => readonly [Tensor, Tensor],
  ): Update[] {
    const steps = this.counter(pairs[0]![0], 'step');
    const t = add(steps, 1);
    const correction1 = oneMinusPower(beta1, t);
    const rootCorrection2 = sqrt(oneMinusPower(beta2, t));
    // p − lr m̂ / (√v̂ + eps) with the two bias corrections taken out of the element-wise part:
    // m̂ = m / c1 and √v̂ = √v / √c2, so one division by c1 and one by √c2 serve the whole group.
    const rate = div(lr, correction1);
    // The graph holds float32(beta): weighting new gradients by 1 minus that same number keeps moments and corrections
    // consistent. With 1 − 0.999 instead, v̂ is off by 1.3e-5 at the first step.
    const [newShare1, newShare2] = [1 - Math.fround(beta1), 1 - Math.fround(beta2)];
    const updates: Update[] = [[steps, t]];
    for (const [p, gradient] of pairs) {
      const [from, g] = decay(p, gradient);
      const m = add(mul(this.moment(p, 'exp_avg'), beta1), mul(g, newShare1));
      const v = add(mul(this.moment(p, 'exp_avg_sq'), beta2), mul(square(g), newShare2));
      const root = epsInsideSqrt
        ? sqrt(add(div(v, square(rootCorrection2)), eps))
        : add(div(sqrt(v), rootCorrection2), eps);
      updates.push(
        [this.moment(p, 'exp_avg'), m],
        [this.moment(p, 'exp_avg_sq'), v],
        [p, sub(from, div(mul(m, rate), root))],
      );
    }
    return updates;
  }
}

/** Adam with decoupled decay p ← p (1 − lr weightDecay) (Loshchilov and Hutter 2019); weightDecay default 0.01. */
export class AdamW extends Adam {
  protected override updateGroup(
    pairs: readonly (readonly [Parameter, Tensor])[],
    options: AdamOptions,
    lr: Tensor,
  ): Update[] {
    const keep = sub(1, mul(lr, options.weightDecay ?? 0.01));
    return this.adam(pairs, options, lr, (p, g) => [mul(p, keep), g]);
  }
}

/**
 * 1 − betaᵗ = 1 − eˣ with x = t log(beta). Near x = 0 the difference cancels: 0.999ᵗ carries an error of 6e-8, which is
 * 6e-5 of 1 − 0.999. There the series −x (1 + x/2 (1 + x/3 (…))) is exact to float32 for x > −0.2.
 */
function oneMinusPower(beta: number, t: Tensor): Tensor {
  if (beta === 0) return fill(1);
  const x = mul(t, Math.log(Math.fround(beta)));
  let series: Tensor = add(mul(x, 1 / 7), 1);
  for (let n = 6; n >= 2; n--) series = add(mul(mul(x, 1 / n), series), 1);
  return where(gt(x, -0.2), neg(mul(x, series)), sub(1, exp(x)));
}
