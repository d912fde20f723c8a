// What bench.mjs calls inside each library's page, as `window.lab`.
import {
  gpuAdapters,
  gpuBytes,
  gpuCounts,
  gpuDone,
  gpuErrors,
  resetPeak,
  withErrorScopes,
  type GpuCounts,
} from './gpu-counters.ts';
import { sketch, type Sketch } from './sketch.mjs';
import {
  mapValues,
  NotImplemented,
  type Adapter,
  type BuildOptions,
  type Runner,
  type Shared,
} from './types.ts';
import { makeShared } from './workloads.mjs';

/** Measures one library. All times are in ms. */
export class Lab {
  readonly #adapter: Adapter;
  #workload: { shared: Shared; runner: Runner; steps: number } | null = null;

  constructor(adapter: Adapter) {
    this.#adapter = adapter;
  }

  async init() {
    const { name, version } = this.#adapter;
    const backend = await this.#adapter.init();
    return { name, version, backend };
  }

  /**
   * Cold start of a workload: `setupMs` builds it and uploads its data; `firstStepMs` is its first step up to
   * the loss (or the output). Which of the two compiles the pipelines differs between libraries.
   */
  async start(name: string, options: BuildOptions) {
    const shared = makeShared(name);
    resetPeak();
    const begin = performance.now();
    let runner: Runner;
    try {
      runner = await this.#adapter.build(shared, options);
    } catch (error) {
      if (error instanceof NotImplemented) return { missing: error.message };
      throw error;
    }
    this.#workload = { shared, runner, steps: 0 };
    await runner.finish();
    const built = performance.now();
    await this.#step();
    const loss = await this.#result();
    return {
      setupMs: built - begin,
      firstStepMs: performance.now() - built,
      loss,
      notes: runner.notes ?? [],
      adapters: gpuAdapters(),
    };
  }

  /**
   * What to compare: the losses of steps 2 to `count`, and sketches of how far each parameter has moved from
   * its initial value after step 2 (`early`) and at the end (`late`); of a forward workload its output.
   */
  async verify(count: number) {
    const { shared, runner } = this.#current();
    if (shared.spec.kind === 'forward') {
      const output = { output: sketch(await runner.output()) };
      return { losses: [], early: output, late: output, errors: gpuErrors() };
    }
    const losses: number[] = [];
    const continueTo = async (steps: number) => {
      while (losses.length + 1 < steps) {
        await this.#step();
        losses.push(await runner.loss());
      }
      return this.#changes();
    };
    const early = await continueTo(2);
    const late = await continueTo(count);
    return { losses, early, late, errors: gpuErrors() };
  }

  /** WebGPU calls per step over `count` steps, and bytes of buffers: live, highest, highest since the cold start. */
  async count(count: number) {
    const { runner } = this.#current();
    await runner.finish();
    const peakBefore = gpuBytes().peak;
    resetPeak();
    const before = gpuCounts();
    for (let i = 0; i < count; i++) await this.#step();
    await runner.finish();
    const after = gpuCounts();
    const perStep = Object.fromEntries(
      Object.entries(after).map(([call, n]) => [call, (n - before[call as keyof GpuCounts]) / count]),
    );
    const { live, peak } = gpuBytes();
    return { ...perStep, live, peak, peakSinceStart: Math.max(peakBefore, peak) };
  }

  /** ms per step of `count` steps in a row, up to one read of the last loss (forward: until the queue is empty). */
  async round(count: number) {
    return withErrorScopes(async () => {
      const begin = performance.now();
      for (let i = 0; i < count; i++) await this.#step();
      const loss = await this.#result();
      return { ms: (performance.now() - begin) / count, loss };
    });
  }

  /** ms per step when each step's loss is read before the next starts. */
  async roundWithReads(count: number) {
    return withErrorScopes(async () => {
      const begin = performance.now();
      for (let i = 0; i < count; i++) {
        await this.#step();
        await this.#result();
      }
      return { ms: (performance.now() - begin) / count };
    });
  }

  /** Host ms to enqueue a step, the mean of `count` steps each enqueued on an idle device. */
  async encode(count: number) {
    const { runner } = this.#current();
    let total = 0;
    for (let i = 0; i < count; i++) {
      await runner.finish();
      const begin = performance.now();
      await this.#step();
      total += performance.now() - begin;
    }
    await runner.finish();
    return { ms: total / count };
  }

  /** The kernels of a step timed one by one, and a table of them; null where the library cannot. */
  async profile() {
    const profile = await this.#current().runner.profile?.();
    return profile ? { ...profile, table: String(profile) } : null;
  }

  async teardown() {
    const workload = this.#workload;
    this.#workload = null;
    await workload?.runner.finish();
    workload?.runner.dispose();
    await gpuDone();
    return { errors: gpuErrors() };
  }

  #current() {
    if (!this.#workload) throw new Error('no workload was started');
    return this.#workload;
  }

  async #step(): Promise<void> {
    const workload = this.#current();
    await workload.runner.step(workload.steps++);
  }

  /** Sketches of the parameters' changes since the start. */
  async #changes(): Promise<Record<string, Sketch>> {
    const { shared, runner } = this.#current();
    return mapValues(await runner.parameters(), (values, name) => {
      const { data } = shared.params[name]!;
      return sketch(values.map((value, i) => value - data[i]!));
    });
  }

  async #result(): Promise<number> {
    const { shared, runner } = this.#current();
    if (shared.spec.kind === 'train') return runner.loss();
    await runner.finish();
    return 0;
  }
}
