import { ChainruleError, type ValueRange } from './errors.ts';
import type { Update } from './parameter.ts';
import type { Tensor } from './tensor.ts';

/** What ops and modules add to a program besides nodes, while `compile` traces the user's function. */
export interface Trace {
  readonly seed: number;
  /** The step counter of random streams, a u32 scalar; made when the first random op asks. */
  rngCounter(): Tensor;
  /** A stream id for the next random op in call order. */
  nextStream(): number;
  /** Buffer updates that modules add by themselves (batch norm statistics). */
  readonly updates: Update[];
  /** Values that ops want in inputs: `compile` looks at each call of the step, before anything runs. */
  readonly inputRanges: (ValueRange & { readonly input: string })[];
}

let current: Trace | null = null;

/** The trace in progress. @throws ChainruleError outside of `compile` */
export function currentTrace(op: string): Trace {
  if (!current)
    throw new ChainruleError(
      `${op}: expected to be called while compile() traces a function, got a call outside of it`,
    );
  return current;
}

/** The trace in progress, or null outside of `compile`. */
export const tryCurrentTrace = (): Trace | null => current;

/** Run `fn` with `trace` as the current one. */
export function withTrace<T>(trace: Trace, fn: () => T): T {
  const outer = current;
  current = trace;
  try {
    return fn();
  } finally {
    current = outer;
  }
}
