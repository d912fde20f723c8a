import { formatShape, type DType, type Parameter, type Shape, type Tensor } from '../graph/index.ts';
import { input } from '../ops/index.ts';
import type { Module } from '../nn/index.ts';
import { receptiveFields } from './receptive-field.ts';

/** What a module gives, sees and holds. */
export interface SummaryRow {
  readonly path: string;
  readonly type: string;
  /** Output shape of the module's first call. */
  readonly output: Shape;
  /** Input elements that one output may depend on, per axis of its image; null where it has none of the input's. */
  readonly receptiveField: readonly number[] | null;
  /** Input elements from one output to the next (effective stride), per axis of its image; null as above. */
  readonly jump: readonly number[] | null;
  /** Elements of the parameters that the module itself holds. */
  readonly trainable: number;
  readonly fixed: number;
  /** What the module says about these counts: its field or getter `summaryNote`. */
  readonly note: string | null;
}

export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly trainable: number;
  readonly fixed: number;
  toString(): string;
}

/**
 * Output shapes and parameter counts of every module that runs when `model` sees one batch, layer by layer and in total,
 * trainable and fixed apart (what the notes call `model.summary()`; a function, as shapes need those of an input and a
 * model that is only trained should not carry the report along), and for images and
 * sequences the receptive field and the effective stride after each layer, r + d (k − 1) j and j s (Araujo et al. 2019,
 * "Computing Receptive Fields of Convolutional Neural Networks"; notes 6.4). They count convolutions, pools and
 * upsampling, not the statistics of norms, and end at global pooling, which sees everything.
 *
 * Trainable is what `model.parameters()` gives, also where no optimizer gets it, as in transfer learning; fixed are buffers,
 * such as running statistics. The total counts a parameter that two modules share once. `String(summary)` is a table.
 *
 * @param inputShape with its batch axis, e.g. [1, 1, 28, 28]
 * @param options `dtype` of the input: 'i32' for a model that starts with an embedding
 */
export function summary(
  model: Module,
  inputShape: Shape,
  { dtype = 'f32' }: { dtype?: DType } = {},
): Summary {
  const outputs = new Map<Module, Tensor>();
  const modules = [...model.modules()];
  for (const [, module] of modules) {
    const forward = module.forward;
    module.forward = function (x) {
      const y = forward.call(module, x);
      if (!outputs.has(module)) outputs.set(module, y);
      return y;
    };
  }
  const wasTraining = modules.map(([, module]) => module.training);
  const x = input('summary', inputShape, dtype);
  try {
    model.eval().forward(x);
  } finally {
    modules.forEach(([, module], i) => {
      // Uncovers the method of the class again.
      delete (module as { forward?: unknown }).forward;
      module.training = wasTraining[i]!;
    });
  }
  const fields = receptiveFields(x, [...outputs.values()]);
  const rows = modules.map(([path, module]): SummaryRow => {
    const own = [...module.children()].flatMap(([, child]) => ('trainable' in child ? [child] : []));
    const output = outputs.get(module);
    const image = output && fields.get(output)?.slice(2);
    const sees = image?.length && image.every((at) => at !== null) ? image : null;
    return {
      path,
      type: module.constructor.name,
      output: output?.shape ?? [],
      receptiveField: sees && sees.map(({ size }) => size),
      jump: sees && sees.map(({ jump }) => jump),
      ...countsOf(own),
      note: (module as { summaryNote?: string | null }).summaryNote ?? null,
    };
  });
  const total = countsOf([...model.state().values()]);
  return { rows, ...total, toString: () => table(rows, total) };
}

interface Counts {
  readonly trainable: number;
  readonly fixed: number;
}

function countsOf(parameters: readonly Parameter[]): Counts {
  const count = (trainable: boolean) =>
    parameters.filter((p) => p.trainable === trainable).reduce((n, p) => n + p.size, 0);
  return { trainable: count(true), fixed: count(false) };
}

type Column = readonly [title: string, cell: (row: SummaryRow) => string];

const COLUMNS: readonly Column[] = [
  ['module', (row) => row.path || '(model)'],
  ['type', (row) => row.type],
  ['output', (row) => formatShape(row.output)],
];
const FIELD_COLUMNS: readonly Column[] = [
  ['receptive field', (row) => numbers(row.receptiveField)],
  ['stride', (row) => numbers(row.jump)],
];
/** Where all are trainable, and where they are not. */
const PARAMETERS: readonly Column[] = [['parameters', (row) => `${row.trainable}`]];
const BOTH_KINDS: readonly Column[] = [
  ['trainable', (row) => `${row.trainable}`],
  ['fixed', (row) => `${row.fixed}`],
];

/** `[5, 5]`, to three decimals. */
const numbers = (list: readonly number[] | null) =>
  list ? formatShape(list.map((n) => Math.round(n * 1000) / 1000)) : '';

function table(rows: readonly SummaryRow[], { trainable, fixed }: Counts): string {
  // Without windows they would say nothing.
  const looks = rows.some((row) => row.receptiveField?.some((n, i) => n !== 1 || row.jump![i] !== 1));
  const counts = fixed > 0 ? BOTH_KINDS : PARAMETERS;
  const columns = [...COLUMNS, ...(looks ? FIELD_COLUMNS : []), ...counts];
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) =>
        column >= widths.length - counts.length
          ? cell.padStart(widths[column]!)
          : cell.padEnd(widths[column]!),
      )
      .join('  '),
  );
  const notes = rows.flatMap(({ path, type, note }) =>
    note ? [`${path || '(model)'} (${type}): ${note}`] : [],
  );
  return [...lines, `${trainable} trainable parameters, ${fixed} fixed`, ...notes].join('\n');
}
