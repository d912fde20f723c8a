import { formatShape, type DType, type Shape } from '../graph/index.ts';
import { input } from '../ops/index.ts';
import type { Module } from './module.ts';

/** Counts of one module. */
export interface SummaryRow {
  readonly path: string;
  readonly type: string;
  /** Output shape of the module's first call. */
  readonly output: Shape;
  /** Elements of the parameters that the module itself holds. */
  readonly trainable: number;
  readonly fixed: number;
}

export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly trainable: number;
  readonly fixed: number;
  toString(): string;
}

/**
 * Output shapes and parameter counts of every module that runs when `model` sees one batch.
 *
 * @param inputShape with its batch axis, e.g. [1, 1, 28, 28]
 * @param options `dtype` of the input: 'i32' for a model that starts with an embedding
 */
export function summary(
  model: Module,
  inputShape: Shape,
  { dtype = 'f32' }: { dtype?: DType } = {},
): Summary {
  const outputs = new Map<Module, Shape>();
  const modules = [...model.modules()];
  for (const [, module] of modules) {
    const forward = module.forward;
    module.forward = function (x) {
      const y = forward.call(module, x);
      if (!outputs.has(module)) outputs.set(module, y.shape);
      return y;
    };
  }
  const wasTraining = modules.map(([, module]) => module.training);
  try {
    model.eval().forward(input('summary', inputShape, dtype));
  } finally {
    modules.forEach(([, module], i) => {
      // Uncovers the method of the class again.
      delete (module as { forward?: unknown }).forward;
      module.training = wasTraining[i]!;
    });
  }
  const rows = modules.map(([path, module]): SummaryRow => {
    const own = [...module.children()].flatMap(([, child]) => ('trainable' in child ? [child] : []));
    const count = (trainable: boolean) =>
      own.filter((p) => p.trainable === trainable).reduce((n, p) => n + p.size, 0);
    return {
      path,
      type: module.constructor.name,
      output: outputs.get(module) ?? [],
      trainable: count(true),
      fixed: count(false),
    };
  });
  const all = [...model.state().values()];
  const total = (trainable: boolean) =>
    all.filter((p) => p.trainable === trainable).reduce((n, p) => n + p.size, 0);
  return {
    rows,
    trainable: total(true),
    fixed: total(false),
    toString: () => table(rows, total(true), total(false)),
  };
}

function table(rows: readonly SummaryRow[], trainable: number, fixed: number): string {
  const cells = [
    ['module', 'type', 'output', 'parameters'],
    ...rows.map((row) => [
      row.path || '(model)',
      row.type,
      formatShape(row.output),
      `${row.trainable + row.fixed}`,
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) => (column === 3 ? cell.padStart(widths[3]!) : cell.padEnd(widths[column]!)))
      .join('  '),
  );
  return [...lines, `${trainable} trainable parameters, ${fixed} fixed`].join('\n');
}
