// @ts-check
// Measures one workload in all libraries: cold starts, checked steps, counts, then timed rounds, all interleaved.
import { loadavg } from 'node:os';
import { cpuTime } from './cpu-time.mjs';
import { compareResults } from './compare.mjs';
import { WORKLOADS } from './workloads.mjs';

/** @typedef {import('./browser.mjs').LibraryPage} LibraryPage */
/** @typedef {import('./options.mjs').Options} Options */
/** A round takes about this long, but has 2 to 10 steps. */
const ROUND_MS = 1500;
/** How often the kernels of a step are timed one by one: an odd number, so that one time is the median. */
const PROFILES = 3;

/** Figures of one library in one workload. @typedef {Record<string, any>} Row */

/**
 * @param {string} workload
 * @param {LibraryPage[]} pages one per library
 * @param {number} browserPid
 * @param {Options} options
 * @returns {Promise<{ load: number, libs: Record<string, Row> }>}
 */
export async function measureWorkload(workload, pages, browserPid, options) {
  const load = loadavg()[0] ?? 0;
  const runs = pages.map((page) => new Run(page, workload, browserPid, options));
  for (let i = 0; i < options.coldStarts; i++) await inTurn(runs, i, (run) => run.coldStart());
  await inTurn(runs, 0, (run) => run.verify());
  compareResults(WORKLOADS[workload], Object.fromEntries(runs.map((run) => [run.library, run.row])));
  await inTurn(runs, 0, (run) => run.count());
  const alive = runs.filter((run) => run.alive);
  const rounds = numberOfRounds(alive, options);
  for (let i = 0; i < rounds; i++) await inTurn(alive, i, (run) => run.round());
  if (options.kernels) await inTurn(alive, 0, (run) => run.kernels());
  for (let i = 0; i < Math.ceil(rounds / 3); i++) await inTurn(alive, i, (run) => run.roundWithReads());
  await inTurn(alive, 0, (run) => run.encode());
  await inTurn(alive, 0, (run) => run.teardown());
  return { load, libs: Object.fromEntries(runs.map((run) => [run.library, run.summary()])) };
}

/** A B, B A, A B, …: no library always runs after the same other. @type {(runs: Run[], turn: number, f: (run: Run) => Promise<void>) => Promise<void>} */
async function inTurn(runs, turn, f) {
  for (const run of turn % 2 === 0 ? runs : [...runs].reverse()) if (run.alive) await run.guard(() => f(run));
}

/** The same for all libraries, so that round i of one has a partner in another. @type {(runs: Run[], options: Options) => number} */
function numberOfRounds(runs, { budgetMs, minRounds, maxRounds }) {
  const roundMs = runs.reduce((total, run) => total + run.stepsPerRound * run.estimateMs, 0);
  const fitting = Math.round((budgetMs * runs.length) / roundMs);
  return Math.max(minRounds, Math.min(maxRounds, fitting));
}

/** One library's run of one workload. */
class Run {
  /**
   * @param {LibraryPage} page
   * @param {string} workload
   * @param {number} browserPid
   * @param {Options} options
   */
  constructor(page, workload, browserPid, options) {
    this.page = page;
    this.library = page.library;
    this.workload = workload;
    this.browserPid = browserPid;
    this.options = options;
    this.alive = true;
    this.estimateMs = 0;
    this.stepsPerRound = 0;
    /** @type {Row} */
    this.row = {};
    /** @type {number[]} */ this.coldMs = [];
    /** @type {number[]} */ this.roundMs = [];
    /** @type {number[]} */ this.readMs = [];
    /** @type {import('./cpu-time.mjs').CpuTime[]} */ this.cpuMs = [];
  }

  /** A failure ends this library's run, not the others'. @type {(f: () => Promise<void>) => Promise<void>} */
  async guard(f) {
    try {
      await f();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  fail(/** @type {string} */ message) {
    this.alive = false;
    this.row.error = message.split('\n')[0]?.slice(0, 600);
    this.row.log = this.page.log.splice(0).slice(-5);
  }

  /** A fresh page and device up to the first loss. The last start is the one that is measured further. */
  async coldStart() {
    await this.page.reload();
    await this.page.call('init');
    const start = await this.page.call('start', this.workload, { data: this.options.data });
    if (start.missing) {
      this.alive = false;
      this.row.missing = start.missing;
      return;
    }
    const { setupMs, firstStepMs, notes, adapters, loss } = start;
    this.coldMs.push(setupMs + firstStepMs);
    Object.assign(this.row, { setupMs, firstStepMs, notes, adapters, verify: [loss] });
  }

  async verify() {
    const { losses, early, late, errors } = await this.page.call('verify', this.options.verifiedSteps);
    this.row.verify.push(...losses);
    this.row.sketches = { early, late };
    this.row.gpuErrors = errors;
  }

  async count() {
    this.estimateMs = (await this.page.call('round', 1)).ms;
    this.row.count = await this.page.call('count', this.estimateMs > 1200 ? 2 : 10);
    this.estimateMs = (await this.page.call('round', this.estimateMs > 1200 ? 1 : 3)).ms;
    this.stepsPerRound = Math.max(2, Math.min(10, Math.ceil(ROUND_MS / this.estimateMs)));
  }

  async round() {
    const before = cpuTime(this.browserPid);
    const { ms, loss } = await this.page.call('round', this.stepsPerRound);
    const after = cpuTime(this.browserPid);
    this.roundMs.push(ms);
    this.row.lastLoss = loss;
    if (before && after)
      this.cpuMs.push({
        renderer: (after.renderer - before.renderer) / this.stepsPerRound,
        gpuMain: (after.gpuMain - before.gpuMain) / this.stepsPerRound,
        gpuWorkers: (after.gpuWorkers - before.gpuWorkers) / this.stepsPerRound,
      });
  }

  async roundWithReads() {
    this.readMs.push((await this.page.call('roundWithReads', this.stepsPerRound)).ms);
  }

  /**
   * The kernels of a step one by one, with a round before and after each time: what slows the machine down for a while
   * slows both. Of all times, the one with the median ratio of the step to the sum of its kernels is kept.
   */
  async kernels() {
    const round = async () => (await this.page.call('round', this.stepsPerRound)).ms;
    const profiles = [];
    let before = await round();
    for (let i = 0; i < PROFILES; i++) {
      const profile = await this.page.call('profile');
      if (!profile) return;
      const after = await round();
      const stepMs = (before + after) / 2;
      profiles.push({ ...profile, stepMs, ratio: stepMs / profile.ms });
      before = after;
    }
    const ratios = profiles.map(({ ratio }) => ratio);
    this.row.kernels = { ...profiles.find(({ ratio }) => ratio === median(ratios)), ratios };
  }

  async encode() {
    this.row.enq = (await this.page.call('encode', this.options.encodes)).ms;
  }

  async teardown() {
    this.row.gpuErrors = (await this.page.call('teardown')).errors;
    this.row.log = this.page.log.splice(0).slice(-5);
  }

  summary() {
    if (this.coldMs.length > 0) this.row.cold = { ...statistics(this.coldMs), first: this.coldMs[0] };
    if (this.roundMs.length > 0)
      Object.assign(this.row, {
        step: statistics(this.roundMs),
        sync: this.readMs.length > 0 ? statistics(this.readMs) : null,
        cpu: this.cpuMs.length > 0 ? mediansOf(this.cpuMs) : null,
        perRound: this.stepsPerRound,
        raw: this.roundMs.map((ms) => Number(ms.toFixed(3))),
      });
    return this.row;
  }
}

/** @param {number[]} values */
export function statistics(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { n: sorted.length, min: sorted[0] ?? NaN, median: median(sorted), max: sorted.at(-1) ?? NaN };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** @param {import('./cpu-time.mjs').CpuTime[]} times */
function mediansOf(times) {
  return {
    renderer: median(times.map((time) => time.renderer)),
    gpuMain: median(times.map((time) => time.gpuMain)),
    gpuWorkers: median(times.map((time) => time.gpuWorkers)),
  };
}
