import { ArgumentError, requireOneOf, type ParameterStore, type TypedArray } from '../graph/index.ts';

/** What can be read and written as a whole, such as a module. */
export interface Stateful {
  readState(device: ParameterStore): Promise<Map<string, TypedArray>>;
  writeState(device: ParameterStore, values: ReadonlyMap<string, TypedArray>): Promise<void>;
}

export interface EarlyStoppingOptions {
  /** Reports without improvement after which to stop; default 5. */
  patience?: number;
  /** What counts as an improvement: more than this; default 0. */
  minDelta?: number;
  /** `'min'` (default) for losses, `'max'` for accuracies. */
  mode?: 'min' | 'max';
}

/**
 * Stop when a validation score no longer improves, and go back to the best weights (notes 4.3.3; Prechelt 1998).
 *
 * ```ts
 * const stopping = new optim.EarlyStopping(model, device, { patience: 3 });
 * do await trainOneEpoch();
 * while (!(await stopping.report(await validationLoss())));
 * await stopping.restore();
 * ```
 */
export class EarlyStopping {
  /** The best score so far; undefined before the first. */
  best: number | undefined;
  /** Which report was the best, from 0; −1 before the first. */
  bestReport = -1;
  /** Scores reported so far. */
  reports = 0;
  #bestState: Map<string, TypedArray> | undefined;
  readonly #model: Stateful;
  readonly #device: ParameterStore;
  readonly #options: Required<EarlyStoppingOptions>;

  /** @throws ArgumentError unless patience is an integer ≥ 1 and minDelta ≥ 0, and for an unknown mode */
  constructor(
    model: Stateful,
    device: ParameterStore,
    { patience = 5, minDelta = 0, mode = 'min' }: EarlyStoppingOptions = {},
  ) {
    if (!(Number.isInteger(patience) && patience >= 1))
      throw new ArgumentError('EarlyStopping', 'an integer patience >= 1', patience);
    if (!(minDelta >= 0)) throw new ArgumentError('EarlyStopping', 'minDelta >= 0', minDelta);
    requireOneOf('EarlyStopping', 'mode', ['min', 'max'], mode);
    this.#model = model;
    this.#device = device;
    this.#options = { patience, minDelta, mode };
  }

  /**
   * Tell the next score. When it is the best one yet, the model's state is copied to the host. NaN is never an
   * improvement.
   *
   * @returns whether to stop: `patience` reports in a row have not improved
   */
  async report(score: number): Promise<boolean> {
    const { patience, minDelta, mode } = this.#options;
    const gain = mode === 'min' ? (this.best ?? Infinity) - score : score - (this.best ?? -Infinity);
    if (gain > minDelta) {
      this.best = score;
      this.bestReport = this.reports;
      this.#bestState = await this.#model.readState(this.#device);
    }
    this.reports++;
    return this.reports - 1 - this.bestReport >= patience;
  }

  /**
   * Write the best state back to the device.
   *
   * @throws ArgumentError when no score has been reported, or none was a number
   */
  async restore(): Promise<void> {
    if (!this.#bestState) throw new ArgumentError('EarlyStopping.restore', 'a score reported before', 'none');
    await this.#model.writeState(this.#device, this.#bestState);
  }
}
