import type { Device } from '../../src/index.ts';
import { parseCase, MissingError, type Backend, type IndexEntry, type TensorCase } from './case.ts';
import { compare, type Worst } from './compare.ts';
import { jsonCases } from './init.ts';
import { hostMetrics, runHostMetric } from './metrics.ts';
import { runOp } from './ops.ts';
import { runOptimizer } from './optim.ts';
import { runTraining } from './train.ts';

/** `excluded`: the case is not meant for this backend. */
export type Status = 'passed' | 'failed' | 'missing' | 'excluded';

export interface CaseResult {
  /** The file, and for a file of many cases `#` and the case's name. */
  readonly id: string;
  readonly group: string;
  readonly op: string;
  readonly status: Status;
  /** Why it failed or what is missing. */
  readonly problems: readonly string[];
  /** Largest |got − expected| / tolerance, where numbers were compared. */
  readonly worst: Worst | null;
}

/** Reads a file of the golden folder. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

export async function readIndex(read: ReadFile): Promise<IndexEntry[]> {
  return JSON.parse(new TextDecoder().decode(await read('index.json'))) as IndexEntry[];
}

function computation(golden: TensorCase) {
  if (golden.op.startsWith('train_')) return runTraining;
  if (golden.op in hostMetrics) return runHostMetric;
  return golden.tensors.has('out.trajectory') ? runOptimizer : runOp;
}

/** Run the cases of one file. Never rejects: what goes wrong is a failed case. */
export async function runFile(
  entry: IndexEntry,
  read: ReadFile,
  device: Device,
  backend: Backend,
): Promise<CaseResult[]> {
  const result = (name: string | null, status: Status, problems: readonly string[], worst: Worst | null) => ({
    id: name === null ? entry.file : `${entry.file}#${name}`,
    group: entry.group,
    op: entry.op,
    status,
    problems,
    worst,
  });
  const thrown = (name: string | null, error: unknown) => {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return error instanceof MissingError
      ? result(name, 'missing', [error.message], null)
      : result(name, 'failed', [text], null);
  };
  if (!entry.backends.split(',').includes(backend === 'cpu' ? 'cpu' : 'gpu'))
    return [result(null, 'excluded', [`meant for ${entry.backends}`], null)];
  try {
    const bytes = await read(entry.file);
    if (entry.file.endsWith('.json')) {
      const file = JSON.parse(new TextDecoder().decode(bytes)) as Parameters<typeof jsonCases>[1];
      return jsonCases(entry.op, file).map(({ name, check }) => {
        try {
          const problems = check();
          return result(name, problems.length === 0 ? 'passed' : 'failed', problems, null);
        } catch (error) {
          return thrown(name, error);
        }
      });
    }
    const golden = parseCase(bytes);
    const results = await computation(golden)(device, golden);
    const { problems, worst } = compare(golden, results, backend);
    return [result(null, problems.length === 0 ? 'passed' : 'failed', problems, worst)];
  } catch (error) {
    return [thrown(null, error)];
  }
}

/** Run every case of a folder, one after another. */
export async function runAll(
  read: ReadFile,
  device: Device,
  backend: Backend,
  onResult: (result: CaseResult) => void = () => {},
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const entry of await readIndex(read)) {
    for (const result of await runFile(entry, read, device, backend)) {
      results.push(result);
      onResult(result);
    }
  }
  return results;
}
