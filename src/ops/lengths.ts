import { requireRange, tryCurrentTrace, type Tensor } from '../graph/index.ts';
import { constantOp, fillOp, inputOp } from './source.ts';

/**
 * Check lengths of sequences: at once where they are known (`constant`, `fill`), at each call of the step where they are
 * one of its inputs. Lengths that a step computes are not checked.
 *
 * @throws ArgumentError for a known length outside 1 … steps
 */
export function requireLengths(op: string, lengths: Tensor, steps: number): void {
  const range = { op, what: 'lengths', least: 1, most: steps };
  if (lengths.op === constantOp) requireRange(range, lengths.attrs.data);
  if (lengths.op === fillOp) requireRange(range, [lengths.attrs.value]);
  if (lengths.op !== inputOp) return;
  const { name: input } = lengths.attrs;
  const ranges = tryCurrentTrace()?.inputRanges;
  // each layer and direction asks
  if (!ranges?.some((known) => known.input === input && known.most === steps))
    ranges?.push({ ...range, input });
}
