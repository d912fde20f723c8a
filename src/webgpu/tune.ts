import { ArgumentError, type TuneOptions, type TuningTable } from '../graph/index.ts';
import type { Kernel } from '../plan/index.ts';
import type { WebGpuDevice } from './device.ts';
import type { Dispatch, Encodable, EncodePass } from './executor.ts';
import { tuningKey, type KernelSpec, type SpecOf } from './kernels/index.ts';
import { variantsOf } from './kernels/variants.ts';
import type { Uniforms } from './sizes.ts';
import { Backup, Stopwatch, updatedBy } from './stopwatch.ts';
import { readTuning, writeTuning } from './tuning-cache.ts';

/** Each variant is timed so often, in turns with the others: the shortest time counts. */
const ROUNDS = 3;
/** After the first round the variants go on that took less than this many times the shortest. */
const HOPEFUL = 1.5;
/** What is usual is kept unless another variant takes less than this part of its time. */
const CLEARLY = 0.95;

/** A dispatch of one kernel, with sizes of its own. */
type Candidate = Encodable & { readonly uniforms: Uniforms };

/** How to run a kernel: as is usual, or as some variant. */
export interface Preparing {
  readonly usual: SpecOf;
  readonly prepare: (kernel: Kernel, dispatch: Dispatch, spec: KernelSpec) => Promise<Candidate>;
}

/**
 * Measure the variants of each kernel of a step on the buffers it runs on, whatever they hold now. Leaves parameters as they
 * were.
 *
 * @param preparing makes a kernel ready to run, by itself even if it shares its dispatch
 * @returns for each kernel that has variants and was measured, now or before, the fastest
 * @throws ArgumentError for a budget that is not a number of at least 0
 */
export async function tuneDispatches(
  device: WebGpuDevice,
  dispatches: readonly Dispatch[],
  encodePass: EncodePass,
  preparing: Preparing,
  { budgetMs = 5000, cache = 'chainrule' }: TuneOptions,
): Promise<TuningTable> {
  if (!(budgetMs >= 0)) throw new ArgumentError('tune', 'budgetMs to be a number of at least 0', budgetMs);
  const known = cache === false ? {} : await readTuning(cache, device.name);
  const deadline = performance.now() + budgetMs;
  const isLate = () => performance.now() > deadline;
  const watch = new Stopwatch(device, encodePass);
  const backup = new Backup(device, dispatches.flatMap(updatedBy));
  const table: Record<string, string> = {};
  try {
    for (const [kernel, dispatch] of dispatches.flatMap((each) =>
      each.kernels.map((k) => [k, each] as const),
    )) {
      const key = tuningKey(kernel);
      const variants = variantsOf(kernel, dispatch.plan, device.adapter);
      const before = device.tuning.get(key) ?? known[key];
      if (before !== undefined && Object.hasOwn(variants, before)) table[key] = before;
      if (key in table || isLate() || Object.keys(variants).length < 2) continue;
      const { usual, prepare } = preparing;
      const candidates = new Map<string, Candidate>();
      for (const [name, spec] of Object.entries(variants))
        candidates.set(name, await prepare(kernel, dispatch, spec));
      const asUsual = await prepare(kernel, dispatch, usual(kernel, dispatch.plan));
      table[key] = await fastest(candidates, asUsual, watch, isLate);
      for (const { uniforms } of [asUsual, ...candidates.values()]) uniforms.buffer.destroy();
    }
  } finally {
    backup.restore();
    backup.destroy();
    watch.destroy();
  }
  if (cache !== false) await writeTuning(cache, device.name, { ...known, ...table });
  return table;
}

async function fastest(
  candidates: ReadonlyMap<string, Encodable>,
  usual: Encodable,
  watch: Stopwatch,
  isLate: () => boolean,
): Promise<string> {
  const best = new Map<string, number>();
  for (let round = 0; round < ROUNDS && (round === 0 || !isLate()); round++) {
    const hopeful = HOPEFUL * Math.min(...best.values());
    for (const [name, candidate] of candidates) {
      if (best.get(name)! > hopeful) continue;
      best.set(name, Math.min(best.get(name) ?? Infinity, await watch.msPerRun(candidate)));
    }
  }
  const [name, ms] = [...best].reduce((a, b) => (b[1] < a[1] ? b : a));
  // Pipelines are shared by text.
  const [usualName] = [...candidates].find(([, { pipeline }]) => pipeline === usual.pipeline) ?? [name];
  return ms < CLEARLY * best.get(usualName)! ? name : usualName;
}
