// What an example is: a run that returns figures, and what is claimed of them.
import type { Device } from 'chainrule';

/** Results of a run by name: accuracies as shares of 1, losses in nats. */
export type Figures = Readonly<Record<string, number>>;

/** What a run is given. */
export interface Run {
  /** Opened for this run, and destroyed after it. */
  readonly device: Device;
  /** Fixes all that is random; pass it to `compile` and to `fit`. */
  readonly seed: number;
  /** True in CI: the same program with fewer steps, done in about ten seconds on a software GPU. */
  readonly short: boolean;
  log(line: string): void;
  /** Keep a picture, a table or a text; shown in the page, written to a folder in Node. */
  save(name: string, content: Uint8Array | string): Promise<void>;
}

/** A statement about figures, and whether it is true of them. */
export interface Claim {
  readonly text: string;
  readonly holds: boolean;
}

/** One model family: the default export of a file in `examples/`. */
export interface Example<F extends Figures = Figures> {
  readonly title: string;
  run(run: Run): Promise<F>;
  /** What must be true after each run, for every seed. */
  claims(figures: F, short: boolean): Claim[];
}

/** Gives an example its types: `claims` gets the figures that `run` returns. */
export const example = <F extends Figures>(definition: Example<F>): Example<F> => definition;

/** `value` ≥ `bound`; false for NaN. */
export const atLeast = (name: string, value: number, bound: number): Claim => ({
  text: `${name}: ${figure(value)} is at least ${figure(bound)}`,
  holds: value >= bound,
});

/** `value` ≤ `bound`; false for NaN. */
export const atMost = (name: string, value: number, bound: number): Claim => ({
  text: `${name}: ${figure(value)} is at most ${figure(bound)}`,
  holds: value <= bound,
});

/** Four significant digits, as in logs and tables. */
export const figure = (value: number): string => String(Number(value.toPrecision(4)));
