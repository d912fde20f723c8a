// @ts-check
// The tables that a run prints.
import { median } from './measure.mjs';
import { WORKLOADS } from './workloads.mjs';

const RATIO_TO = 'jax-js';
/** Whose products are the measure of a library's. */
const HAND_WRITTEN = 'hand-written';

/** @param {Record<string, any>} results what bench.mjs writes as JSON */
export function report(results) {
  const { machine, libs, workloads, limits, options } = results;
  const lines = [
    `${results.date}; ${machine.cpu}, ${machine.cores} cores, ${machine.memory}; Chromium ${machine.browser}; Node ${machine.node}`,
    ...Object.entries(libs).map(([library, { version, backend, error }]) =>
      error ? `- ${library}: not available: ${error}` : `- ${library} ${version}: ${backend}`,
    ),
  ];
  const entries = Object.entries(workloads).flatMap(([workload, { libs: rows }]) =>
    Object.entries(rows).map(([library, row]) => ({
      workload,
      library,
      row,
      ratioTo: rows[RATIO_TO],
      handWritten: rows[HAND_WRITTEN],
    })),
  );
  const measured = entries.filter(({ row }) => row.step);
  const adapters = new Set(measured.flatMap(({ row }) => row.adapters));
  lines.push(`- adapter: ${[...adapters].join(' | ')}`, '');

  lines.push(
    'Time. One step: median [min..max] of the rounds. Ratio: median of the ratios of rounds run side by side,',
    `and ratio of the minima. Cold: set-up and first step, median of ${options.coldStarts} and the first one.`,
    `Encode: host ms to enqueue a step on an idle device, and µs for each of its dispatches, mean of ${options.encodes}.`,
    ...(libs[HAND_WRITTEN]
      ? [
          `% of ${HAND_WRITTEN}: the rate by that of the fastest kernel written for the size; median of the rounds' ratios.`,
        ]
      : []),
    '',
    table(
      [
        'workload',
        'library',
        'ms/step',
        `x ${RATIO_TO}`,
        'by min',
        'ms, loss read each step',
        'cold ms',
        'encode ms',
        'µs/dispatch',
        'CPU ms renderer/GPU main/workers',
        `CPU x ${RATIO_TO}`,
        'rate',
        ...(limits ? ['% of best'] : []),
        ...(libs[HAND_WRITTEN] ? [`% of ${HAND_WRITTEN}`] : []),
      ],
      measured.map(({ workload, library, row, ratioTo, handWritten }) => [
        workload,
        library,
        `${fixed(row.step.median)} [${fixed(row.step.min)}..${fixed(row.step.max)}] ${row.step.n}x${row.perRound}`,
        ratioTo?.raw ? fixed(medianRatio(row.raw, ratioTo.raw)) : '-',
        ratioTo?.step ? fixed(row.step.min / ratioTo.step.min) : '-',
        fixed(row.sync?.median),
        `${fixed(row.cold.median, 0)} (${fixed(row.cold.first, 0)})`,
        fixed(row.enq),
        fixed((1000 * row.enq) / row.count.dispatch),
        row.cpu
          ? [row.cpu.renderer, row.cpu.gpuMain, row.cpu.gpuWorkers].map((ms) => fixed(ms, 1)).join(' / ')
          : '-',
        row.cpu && ratioTo?.cpu ? fixed(totalCpu(row.cpu) / totalCpu(ratioTo.cpu)) : '-',
        rate(workload, row.step.median),
        ...(limits ? [shareOfBest(workload, row.step.median, limits)] : []),
        ...(libs[HAND_WRITTEN]
          ? [handWritten?.raw ? fixed(100 * medianRatio(handWritten.raw, row.raw), 0) : '-']
          : []),
      ]),
    ),
    'GPU calls per step, and bytes of buffers: peak in the steady state and since the cold start.',
    '',
    table(
      [
        'workload',
        'library',
        'dispatches',
        'submits',
        'passes',
        'writeBuffer',
        'KiB written',
        'createBuffer',
        'createBindGroup',
        'copies',
        'maps',
        'peak MiB',
        'with start',
      ],
      measured.map(({ workload, library, row: { count } }) => [
        workload,
        library,
        ...[
          count.dispatch,
          count.submit,
          count.pass,
          count.writeBuffer,
          count.writeBytes / 1024,
          count.createBuffer,
          count.createBindGroup,
          count.copyB2B,
          count.mapAsync,
        ].map((n) => fixed(n, 1)),
        fixed(count.peak / 2 ** 20),
        fixed(count.peakSinceStart / 2 ** 20),
      ]),
    ),
    `Agreement over ${options.verifiedSteps} steps: largest relative difference of a loss; distance of the parameters' changes`,
    'after 2 and after all steps (forward: of the outputs) relative to their norm; the parameter that differs most.',
    '',
    table(
      ['workload', 'library', 'last loss', 'losses', 'changes after 2', 'after all', 'most', 'compared with'],
      measured.map(({ workload, library, row }) => [
        workload,
        library,
        WORKLOADS[workload]?.kind === 'train' ? row.verify.at(-1).toPrecision(6) : '-',
        scientific(row.lossDifference),
        scientific(row.changeDifference?.[0]),
        scientific(row.changeDifference?.[1]),
        row.farthest ?? '-',
        row.disagrees ? `${row.comparedWith} DISAGREES` : (row.comparedWith ?? '-'),
      ]),
    ),
  );
  for (const { workload, library, row } of entries) {
    for (const note of row.notes ?? []) lines.push(`- ${workload} ${library}: ${note}`);
    if (row.missing) lines.push(`- ${workload} ${library}: ${row.missing}`);
  }
  if (options.kernels) lines.push('', ...kernelLines(measured.filter(({ row }) => row.kernels)));
  if (limits) lines.push('', ...limitLines(limits));
  return `${lines.join('\n')}\n`;
}

/** Whole steps beside the sums of their kernels. @type {(profiled: { workload: string, library: string, row: any }[]) => string[]} */
function kernelLines(profiled) {
  return [
    'Kernels. Sum: each kernel of a step timed alone, with timestamp-query. Step: mean of the round before and the round',
    'after. Ratio: of the step to the sum; of several such pairs the one with the median ratio, [min..max] of all.',
    '',
    table(
      ['workload', 'library', 'sum ms', 'step ms', 'ratio', 'ms/step of timed rounds', 'by min'],
      profiled.map(({ workload, library, row: { kernels, step } }) => [
        workload,
        library,
        fixed(kernels.ms),
        fixed(kernels.stepMs),
        `${fixed(kernels.ratio)} [${fixed(Math.min(...kernels.ratios))}..${fixed(Math.max(...kernels.ratios))}]`,
        fixed(step.median),
        fixed(step.min),
      ]),
    ),
    ...profiled.map(({ workload, library, row }) => `${workload} ${library}\n${row.kernels.table}\n`),
  ];
}

/** The adapter's best figures; every measurement is in the JSON. @type {(limits: any) => string[]} */
function limitLines({ gflops, copyGBs, calls, errors }) {
  return [
    'Best of the adapter, by hand-written kernels:',
    `- arithmetic ${fixed(gflops)} GFLOP/s; copy ${fixed(copyGBs)} GB/s`,
    `- calls: ${Object.entries(calls)
      .map(([call, time]) => `${call} ${time}`)
      .join(', ')}`,
    ...errors.map((/** @type {string} */ error) => `- GPU error: ${error}`),
  ];
}

/** What makes a run fail, one line each. @param {Record<string, any>} results */
export function failures(results) {
  const lines = Object.entries(results['libs']).flatMap(([library, { error }]) =>
    error ? [`${library}: ${error}`] : [],
  );
  for (const [workload, { libs }] of Object.entries(results['workloads']))
    for (const [library, row] of Object.entries(libs)) {
      if (row.error) lines.push(`${workload} ${library}: ${row.error}`);
      if (row.disagrees) lines.push(`${workload}: ${row.disagrees}`);
      if (row.gpuErrors?.length > 0) lines.push(`${workload} ${library}: GPU error: ${row.gpuErrors[0]}`);
    }
  return lines;
}

/** Median over rounds of the ratio of two libraries that ran one after the other. @type {(ours: number[], theirs: number[]) => number} */
export function medianRatio(ours, theirs) {
  return median(ours.map((ms, round) => ms / (theirs[round] ?? NaN)));
}

const totalCpu = (/** @type {import('./cpu-time.mjs').CpuTime} */ { renderer, gpuMain, gpuWorkers }) =>
  renderer + gpuMain + gpuWorkers;

/** @type {(workload: string, ms: number) => string} */
function rate(workload, ms) {
  const { flop, bytes = 0 } = WORKLOADS[workload] ?? {};
  return flop ? `${fixed(flop / ms / 1e6)} GFLOP/s` : `${fixed(bytes / ms / 1e6)} GB/s`;
}

/** @type {(workload: string, ms: number, limits: any) => string} */
function shareOfBest(workload, ms, limits) {
  const { flop, bytes = 0 } = WORKLOADS[workload] ?? {};
  const share = flop ? flop / ms / 1e6 / limits.gflops : bytes / ms / 1e6 / limits.copyGBs;
  return fixed(100 * share, 0);
}

/** A Markdown table with aligned columns. @type {(header: string[], rows: string[][]) => string} */
function table(header, rows) {
  const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), ''].join('\n');
}

const fixed = (/** @type {number | undefined} */ value, digits = 2) =>
  value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);
const scientific = (/** @type {number | undefined} */ value) =>
  value === undefined ? '-' : value.toExponential(1);
