import {
  ArgumentError,
  formatShape,
  HostRandom,
  Parameter,
  sizeOf,
  type DType,
  type Shape,
  type Tensor,
  type TypedArray,
} from '../graph/index.ts';
import { embedding, reshape } from '../ops/index.ts';
import {
  batches,
  rowsAt,
  shuffledBatches,
  type Batch,
  type BatchOptions,
  type Columns,
  type LastBatch,
  type ShuffleOptions,
} from './batches.ts';

/** `BatchOptions` and `ShuffleOptions` of a data set, which knows its rows. */
export type DatasetBatchOptions<Last extends LastBatch = LastBatch> = Omit<BatchOptions<Last>, 'rows'>;
export type DatasetShuffleOptions<Last extends LastBatch = LastBatch> = Omit<ShuffleOptions<Last>, 'rows'>;

/** Samples in memory: named columns, with row i of each belonging to sample i. Nothing changes in place. */
export class Dataset<C extends Columns> {
  /** Name → array [length, ...row shape] in C order. */
  readonly columns: C;
  /** Shape of one row of each column. */
  readonly shapes: { readonly [K in keyof C]: Shape };
  /** Number of samples. */
  readonly length: number;

  /**
   * @param columns name → array [length, ...row shape]
   * @param shapes row shapes of columns whose rows are not single elements, such as `{ images: [1, 28, 28] }`
   * @throws ArgumentError for no columns or samples, a shape without a column, and columns that differ in length
   */
  constructor(columns: C, shapes: { readonly [K in keyof C]?: Shape } = {}) {
    const names = Object.keys(columns);
    for (const name of Object.keys(shapes))
      if (!names.includes(name))
        throw new ArgumentError('Dataset', `shapes of the columns ${names.join(', ')}`, name);
    const all = Object.fromEntries(names.map((name) => [name, shapes[name] ?? []]));
    const lengths = names.map((name) => columns[name]!.length / sizeOf(all[name]!));
    const [length] = lengths;
    if (length === undefined) throw new ArgumentError('Dataset', 'at least one column', 'none');
    names.forEach((name, i) => {
      if (!Number.isInteger(lengths[i]) || lengths[i]! < 1)
        throw new ArgumentError(
          'Dataset',
          `at least one row ${formatShape(all[name]!)} in column ${name}`,
          `${columns[name]!.length} elements`,
        );
      if (lengths[i] !== length)
        throw new ArgumentError('Dataset', `${length} rows in column ${name}, as in ${names[0]}`, lengths[i]);
    });
    this.columns = columns;
    this.shapes = all as { readonly [K in keyof C]: Shape };
    this.length = length;
  }

  /** The same samples with these columns only; nothing is copied. @throws ArgumentError for an unknown name */
  select<K extends keyof C & string>(...names: readonly K[]): Dataset<Pick<C, K>> {
    for (const name of names)
      if (!(name in this.columns))
        throw new ArgumentError('select', `one of the columns ${Object.keys(this.columns).join(', ')}`, name);
    const only = <V>(values: { readonly [N in keyof C]: V }) =>
      Object.fromEntries(names.map((name) => [name, values[name]]));
    return new Dataset(only(this.columns) as Pick<C, K>, only(this.shapes) as { readonly [N in K]?: Shape });
  }

  /**
   * The samples at `rows`, copied in that order; a row may occur again.
   *
   * @throws ArgumentError for no rows, or one outside of 0 … length − 1
   */
  subset(rows: ArrayLike<number>): Dataset<C> {
    for (let i = 0; i < rows.length; i++)
      if (!Number.isInteger(rows[i]) || rows[i]! < 0 || rows[i]! >= this.length)
        throw new ArgumentError('subset', `rows from 0 to ${this.length - 1}`, rows[i]);
    const columns = Object.entries(this.columns).map(([name, column]) => [
      name,
      rowsAt(column, sizeOf(this.shapes[name]!), rows),
    ]);
    return new Dataset(Object.fromEntries(columns) as C, this.shapes);
  }

  /**
   * Parts without a common sample, such as `split([0.9, 0.1], { seed: 1 })` for training and validation.
   *
   * @param fractions positive, with the sum 1
   * @param options `seed` of the random order that is cut; without it the samples keep theirs
   * @returns one data set per fraction; together they hold every sample once
   * @throws ArgumentError for other fractions, and for a part without samples
   */
  split<const F extends readonly number[]>(
    fractions: F,
    { seed }: { seed?: number } = {},
  ): { readonly [I in keyof F]: Dataset<C> } {
    const order =
      seed === undefined
        ? Uint32Array.from({ length: this.length }, (_, i) => i)
        : new HostRandom(seed, 'split').permutation(this.length);
    const parts = cuts('split', this.length, fractions).map(([from, to]) =>
      this.subset(order.subarray(from, to)),
    );
    return parts as unknown as { readonly [I in keyof F]: Dataset<C> };
  }

  /**
   * `rows` samples drawn with replacement: on average 1 − 1/e of the samples occur when `rows` is their number. Models
   * trained on such draws make a bagging ensemble (notes 4.3.3; Breiman 1996).
   *
   * @param options `seed` fixes the draw; `rows` defaults to the number of samples
   * @throws ArgumentError unless `rows` is a positive integer
   */
  bootstrap({ seed, rows = this.length }: { seed: number; rows?: number }): Dataset<C> {
    if (!Number.isInteger(rows) || rows < 1)
      throw new ArgumentError('bootstrap', 'rows to be a positive integer', rows);
    const random = new HostRandom(seed, 'bootstrap');
    return this.subset(Uint32Array.from({ length: rows }, () => Math.floor(random.uniform() * this.length)));
  }

  /** One pass over the samples in their order; see `batches`. */
  batches<Last extends LastBatch = 'keep'>(options: DatasetBatchOptions<Last>): Iterable<Batch<C, Last>> {
    return batches<C, Last>(this.columns, { ...options, rows: this.length });
  }

  /** One pass over the samples in a random order, without replacement; see `shuffledBatches`. */
  shuffledBatches<Last extends LastBatch = 'keep'>(
    options: DatasetShuffleOptions<Last>,
  ): Iterable<Batch<C, Last>> {
    return shuffledBatches<C, Last>(this.columns, { ...options, rows: this.length });
  }
}

/** Ranges of 0 … length in these proportions. */
export function cuts(
  op: string,
  length: number,
  fractions: readonly number[],
): (readonly [from: number, to: number])[] {
  const total = fractions.reduce((a, b) => a + b, 0);
  if (!fractions.every((fraction) => fraction > 0) || !(Math.abs(total - 1) < 1e-6))
    throw new ArgumentError(op, 'positive fractions with the sum 1', fractions);
  let share = 0;
  let to = 0;
  return fractions.map((fraction) => {
    share += fraction;
    const from = to;
    to = Math.round(share * length);
    if (to === from) throw new ArgumentError(op, `at least one of ${length} in each part`, fractions);
    return [from, to] as const;
  });
}

/**
 * A data set that lives on the device: uploaded once, with the first step that uses it, and then a batch is a list of row
 * numbers. Columns are parameters that are not trained.
 *
 * ```ts
 * const table = new data.DeviceDataset(train);
 * const step = await compile(device, { index: u32(64) }, ({ index }) => {
 *   const { images, labels } = table.rows(index);
 *   …
 * });
 * for (const batch of table.shuffledBatches({ batch: 64, seed, last: 'drop' })) await step(batch);
 * ```
 *
 * A column must fit in one buffer of the adapter (WebGPU promises 128 MiB). The memory is freed with the device.
 */
export class DeviceDataset<C extends Columns> {
  /** Number of samples. */
  readonly length: number;
  readonly #shapes: { readonly [K in keyof C]: Shape };
  readonly #tables: ReadonlyMap<string, Parameter>;

  /** @param options `name` is the first part of the parameters' names (default `data`) */
  constructor(dataset: Dataset<C>, { name = 'data' }: { name?: string } = {}) {
    this.length = dataset.length;
    this.#shapes = dataset.shapes;
    this.#tables = new Map(
      Object.entries(dataset.columns).map(([column, values]) => [
        column,
        new Parameter([dataset.length, sizeOf(dataset.shapes[column]!)], () => values, {
          name: `${name}.${column}`,
          dtype: dtypeOf(values),
          trainable: false,
        }),
      ]),
    );
  }

  /**
   * The samples at `index`, for use inside a step. A row outside of the data set reads zeros.
   *
   * @param index [...] u32 or i32
   * @returns per column [..., ...row shape]
   * @throws DTypeError for an index that is not an integer
   */
  rows(index: Tensor): { readonly [K in keyof C]: Tensor } {
    const columns = [...this.#tables].map(([name, table]) => [
      name,
      reshape(embedding(table, index), [...index.shape, ...this.#shapes[name]!]),
    ]);
    return Object.fromEntries(columns) as { readonly [K in keyof C]: Tensor };
  }

  /** Row numbers of one pass over the samples in their order; see `batches`. */
  batches<Last extends LastBatch = 'keep'>(
    options: DatasetBatchOptions<Last>,
  ): Iterable<Batch<{ readonly index: Uint32Array<ArrayBuffer> }, Last>> {
    return batches(this.#rowNumbers(), { ...options, rows: this.length });
  }

  /** Row numbers of one pass over the samples in a random order, without replacement; see `shuffledBatches`. */
  shuffledBatches<Last extends LastBatch = 'keep'>(
    options: DatasetShuffleOptions<Last>,
  ): Iterable<Batch<{ readonly index: Uint32Array<ArrayBuffer> }, Last>> {
    return shuffledBatches(this.#rowNumbers(), { ...options, rows: this.length });
  }

  #rowNumbers() {
    return { index: Uint32Array.from({ length: this.length }, (_, row) => row) };
  }
}

function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return 'f32';
  return values instanceof Int32Array ? 'i32' : 'u32';
}
