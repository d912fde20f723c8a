import { ArgumentError, HostRandom, type TypedArray } from '../graph/index.ts';

/** Arrays with the same number of rows, such as `{ images, labels }`: row i of each belongs to sample i. */
export type Columns = Readonly<Record<string, TypedArray>>;

export interface BatchOptions {
  /** Samples in all; each column holds a multiple of that many elements. */
  rows: number;
  /** Samples in a batch. */
  batch: number;
  /** What becomes of the rest when `batch` doesn't divide `rows`: a smaller last batch, or nothing. Default 'keep'. */
  last?: 'keep' | 'drop';
}

export interface ShuffleOptions extends BatchOptions {
  /** Together with `epoch` this fixes the order. */
  seed: number;
  /** Which pass over the samples this is, from 0; each has an order of its own. Default 0. */
  epoch?: number;
}

/** Batches in one pass: ⌈rows / batch⌉, or ⌊rows / batch⌋ when the last one is dropped. */
export function batchesPerEpoch({ rows, batch, last = 'keep' }: BatchOptions): number {
  return last === 'drop' ? Math.floor(rows / batch) : Math.ceil(rows / batch);
}

/**
 * One pass over the samples in their order, for evaluation.
 *
 * @param columns name → array [rows, ...]
 * @returns per batch, name → a new array [batch, ...] of the same type
 * @throws ArgumentError at the call when a column doesn't fit `rows`, or a size isn't a positive integer
 */
export function batches<C extends Columns>(columns: C, options: BatchOptions): Iterable<C> {
  const widths = checkedWidths('batches', columns, options);
  return inOrder(columns, widths, null, options);
}

/**
 * One pass over the samples in a random order: every sample once (without replacement), batches drawn from the
 * permutation of (seed, epoch), which is the same on every machine.
 *
 * @param columns name → array [rows, ...]
 * @returns per batch, name → a new array [batch, ...] of the same type
 * @throws ArgumentError at the call when a column doesn't fit `rows`, or a size isn't a positive integer
 */
export function shuffledBatches<C extends Columns>(columns: C, options: ShuffleOptions): Iterable<C> {
  const widths = checkedWidths('shuffledBatches', columns, options);
  const order = new HostRandom(options.seed, `epoch ${options.epoch ?? 0}`).permutation(options.rows);
  return inOrder(columns, widths, order, options);
}

function* inOrder<C extends Columns>(
  columns: C,
  widths: ReadonlyMap<string, number>,
  order: Uint32Array | null,
  options: BatchOptions,
): Generator<C> {
  const { rows, batch } = options;
  for (let i = 0; i < batchesPerEpoch(options); i++) {
    const [from, to] = [i * batch, Math.min(rows, (i + 1) * batch)];
    yield Object.fromEntries(
      Object.entries(columns).map(([name, column]) => {
        const width = widths.get(name)!;
        if (order === null) return [name, column.slice(from * width, to * width)];
        const values = column.slice(0, (to - from) * width); // only for an array of that type and length
        for (let row = from; row < to; row++) {
          const sample = order[row]! * width;
          values.set(column.subarray(sample, sample + width), (row - from) * width);
        }
        return [name, values];
      }),
    ) as C;
  }
}

/** Elements per sample of each column. */
function checkedWidths(caller: string, columns: Columns, { rows, batch }: BatchOptions): Map<string, number> {
  for (const [name, value] of Object.entries({ rows, batch }))
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError(caller, `${name} to be a positive integer`, value);
  return new Map(
    Object.entries(columns).map(([name, { length }]) => {
      const width = length / rows;
      if (!Number.isInteger(width) || width < 1)
        throw new ArgumentError(
          caller,
          `column ${name} to hold a positive multiple of ${rows} elements`,
          `${length}`,
        );
      return [name, width];
    }),
  );
}
