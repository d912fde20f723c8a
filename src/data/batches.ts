import { ArgumentError, HostRandom, requireOneOf, type TypedArray } from '../graph/index.ts';

/** Arrays with the same number of rows, such as `{ images, labels }`: row i of each belongs to sample i. */
export type Columns = Readonly<Record<string, TypedArray>>;

/** What becomes of the rest when the batch size doesn't divide the number of rows. */
export type LastBatch = 'keep' | 'drop' | 'pad';

export interface BatchOptions<Last extends LastBatch = LastBatch> {
  /** Samples in all; each column holds a multiple of that many elements. */
  rows: number;
  /** Samples in a batch. */
  batch: number;
  /**
   * `'keep'` (default): a smaller last batch; `'drop'`: nothing; `'pad'`: a batch of full size, filled up with copies of
   * its own samples, and a column `mask` in every batch.
   */
  last?: Last;
}

export interface ShuffleOptions<Last extends LastBatch = LastBatch> extends BatchOptions<Last> {
  /** Together with `epoch` this fixes the order. */
  seed: number;
  /** Which pass over the samples this is, from 0; each has an order of its own. Default 0. */
  epoch?: number;
}

/** The columns of a batch; with `last: 'pad'` also `mask` [batch]: 1 for a sample, 0 for one that fills up. */
export type Batch<C, Last extends LastBatch> = Last extends 'pad'
  ? C & { readonly mask: Float32Array<ArrayBuffer> }
  : C;

/** Batches in one pass: ⌈rows / batch⌉, or ⌊rows / batch⌋ when the last one is dropped. */
export function batchesPerEpoch({ rows, batch, last = 'keep' }: BatchOptions): number {
  return last === 'drop' ? Math.floor(rows / batch) : Math.ceil(rows / batch);
}

/**
 * One pass over the samples in their order, for evaluation.
 *
 * @param columns name → array [rows, ...]
 * @returns per batch, name → a new array [batch, ...] of the same type
 * @throws ArgumentError at the call when a column doesn't fit `rows`, a size isn't a positive integer, or a column is
 *   called `mask` where one is added
 */
export function batches<C extends Columns, Last extends LastBatch = 'keep'>(
  columns: C,
  options: BatchOptions<Last>,
): Iterable<Batch<C, Last>> {
  const widths = checkedWidths('batches', columns, options);
  return inOrder(columns, widths, null, options);
}

/**
 * One pass over the samples in a random order: every sample once (without replacement), batches drawn from the
 * permutation of (seed, epoch), which is the same on every machine.
 *
 * @param columns name → array [rows, ...]
 * @returns per batch, name → a new array [batch, ...] of the same type
 * @throws ArgumentError at the call when a column doesn't fit `rows`, a size isn't a positive integer, or a column is
 *   called `mask` where one is added
 */
export function shuffledBatches<C extends Columns, Last extends LastBatch = 'keep'>(
  columns: C,
  options: ShuffleOptions<Last>,
): Iterable<Batch<C, Last>> {
  const widths = checkedWidths('shuffledBatches', columns, options);
  const order = new HostRandom(options.seed, `epoch ${options.epoch ?? 0}`).permutation(options.rows);
  return inOrder(columns, widths, order, options);
}

function* inOrder<C extends Columns, Last extends LastBatch>(
  columns: C,
  widths: ReadonlyMap<string, number>,
  order: Uint32Array | null,
  options: BatchOptions<Last>,
): Generator<Batch<C, Last>> {
  const { rows, batch, last } = options;
  for (let i = 0; i < batchesPerEpoch(options); i++) {
    const from = i * batch;
    const count = Math.min(rows - from, batch);
    const sampleAt = (row: number) => (order === null ? from + row : order[from + row]!);
    const picked = Uint32Array.from({ length: last === 'pad' ? batch : count }, (_, row) =>
      sampleAt(row % count),
    );
    const values = Object.entries(columns).map(([name, column]) => [
      name,
      rowsAt(column, widths.get(name)!, picked),
    ]);
    if (last === 'pad') values.push(['mask', Float32Array.from(picked, (_, row) => (row < count ? 1 : 0))]);
    yield Object.fromEntries(values) as Batch<C, Last>;
  }
}

/** The rows of `column` [rows, width] at `index`, in a new array. */
export function rowsAt<A extends TypedArray>(column: A, width: number, index: ArrayLike<number>): A {
  const values = new (column.constructor as new (length: number) => A)(index.length * width);
  for (let row = 0; row < index.length; row++)
    values.set(column.subarray(index[row]! * width, (index[row]! + 1) * width), row * width);
  return values;
}

/** Elements per sample of each column. */
function checkedWidths(
  caller: string,
  columns: Columns,
  { rows, batch, last = 'keep' }: BatchOptions,
): Map<string, number> {
  for (const [name, value] of Object.entries({ rows, batch }))
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError(caller, `${name} to be a positive integer`, value);
  requireOneOf(caller, 'last', ['keep', 'drop', 'pad'], last);
  if (last === 'pad' && 'mask' in columns)
    throw new ArgumentError(caller, "no column `mask`, which last: 'pad' adds", 'one');
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
