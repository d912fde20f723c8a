import { ArgumentError, Parameter, sizeOf, type Tensor, type Update } from '../graph/index.ts';
import { add, hostScalar, mul, sub } from '../ops/index.ts';
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

/** Options that are numbers, with the least value and the bound that they stay below. */
const RANGES: Readonly<Record<string, readonly [from: number, below: number]>> = {
  lr: [0, Infinity],
  eps: [0, Infinity],
  weightDecay: [0, Infinity],
  initialAccumulatorValue: [0, Infinity],
  momentum: [0, Infinity],
  alpha: [0, 1],
  betas: [0, 1],
};

function requireInRange(optimizer: string, options: object): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const [from, below] = RANGES[name] ?? [];
    for (const number of [value].flat())
      if (from !== undefined && typeof number === 'number' && !(number >= from && number < below!))
        throw new ArgumentError(
          optimizer,
          `${name} in [${from}, ${below === Infinity ? '∞' : below})`,
          number,
        );
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
   * @throws ArgumentError for an empty list, a parameter given twice, or an option out of its range
   */
  constructor(params: readonly Parameter[] | readonly ParameterGroup<Options>[], options: Options) {
    const groups = (
      params.length > 0 && params[0] instanceof Parameter ? [{ params }] : params
    ) as readonly ParameterGroup<Options>[];
    this.#groups = groups.map((group, i) => {
      const merged = { ...options, ...group.options };
      requireInRange(this.constructor.name, merged);
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
      return pairs.length === 0 ? [] : this.updateGroup(pairs, options, rate.tensor);
    });
  }

  /** Updates of one group that is not empty. */
  protected abstract updateGroup(pairs: readonly Pair[], options: Options, lr: Tensor): Update[];

  /** A persistent tensor like `p`, all `initial` at first. */
  protected moment(p: Parameter, name: string, initial = 0): Parameter {
    return this.#stored(
      p,
      name,
      () =>
        new Parameter(p.shape, (shape) => new Float32Array(sizeOf(shape)).fill(initial), {
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

/** A parameter with its gradient. */
export type Pair = readonly [parameter: Parameter, gradient: Tensor];

/** Coupled ℓ² decay: g + weightDecay · p, the gradient of the penalty weightDecay / 2 · ‖p‖² added (notes 4.3.1). */
export const withDecay = (g: Tensor, p: Parameter, weightDecay: number): Tensor =>
  weightDecay === 0 ? g : add(g, mul(p, weightDecay));

/**
 * The exponential moving average beta · average + (1 − beta) · x, in the form average + (1 − beta) (x − average), which
 * keeps an average that equals x. The weight is 1 − float32(beta), since the bias corrections of Adam hold float32(beta):
 * with 1 − 0.999 instead they would be off by 1.3e-5.
 */
export const movingAverage = (average: Tensor, beta: number, x: Tensor): Tensor =>
  beta === 0 ? x : add(average, mul(sub(x, average), 1 - Math.fround(beta)));
