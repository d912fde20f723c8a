// @ts-check
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { WORKLOADS } from './workloads.mjs';

const LIBRARIES = readdirSync(new URL('../adapters/', import.meta.url))
  .filter((file) => !file.startsWith('_'))
  .map((file) => file.replace(/\.ts$/, ''));

const HELP = `npm run bench -- [options]

Trains the same networks with several libraries in one headless Chromium on one WebGPU adapter, in
interleaved rounds. Exits with 1 when their results disagree or one fails, with 2 for wrong options.

  --libs LIST       of ${LIBRARIES.join(', ')}
                    (default chainrule,jax-js,tfjs-webgpu)
  --workloads LIST  of ${Object.keys(WORKLOADS).slice(0, 6).join(', ')},
                    ${Object.keys(WORKLOADS).slice(6, 13).join(', ')},
                    ${Object.keys(WORKLOADS).slice(13).join(', ')}, or all
                    (default mlp,cnn)
  --out FILE        results as JSON (default test-results/bench.json)
  --k N             steps whose losses and parameters are compared (default 10)
  --budget S        seconds of timed rounds per library and workload (default 6)
  --min-rounds N    (default 5)
  --max-rounds N    (default 15)
  --cold N          cold starts per library and workload (default 3)
  --encodes N       steps that the host time per step is averaged over (default 20)
  --data MODE       of chainrule's batches: resident on the device as the others' are (default), or
                    upload with each step
  --limits          also measure what the adapter can do at best (about a minute), and matrix products by
                    hand-written kernels, as the library hand-written
  --kernels         also time the kernels of chainrule's steps one by one (needs timestamp-query)
  --help`;

/**
 * Options from the command line. Prints the help and exits when asked to, or when an option is wrong.
 *
 * @param {string[]} args
 */
export function parseOptions(args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        libs: { type: 'string', default: 'chainrule,jax-js,tfjs-webgpu' },
        workloads: { type: 'string', default: 'mlp,cnn' },
        out: { type: 'string', default: 'test-results/bench.json' },
        k: { type: 'string', default: '10' },
        budget: { type: 'string', default: '6' },
        'min-rounds': { type: 'string', default: '5' },
        'max-rounds': { type: 'string', default: '15' },
        cold: { type: 'string', default: '3' },
        encodes: { type: 'string', default: '20' },
        data: { type: 'string', default: 'resident' },
        limits: { type: 'boolean', default: false },
        kernels: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    return {
      libs: listOf('--libs', values.limits ? `${values.libs},hand-written` : values.libs, LIBRARIES),
      workloads:
        values.workloads === 'all'
          ? Object.keys(WORKLOADS)
          : listOf('--workloads', values.workloads, Object.keys(WORKLOADS)),
      out: values.out,
      verifiedSteps: countOf('--k', values.k, 2),
      budgetMs: 1000 * countOf('--budget', values.budget),
      minRounds: countOf('--min-rounds', values['min-rounds']),
      maxRounds: countOf('--max-rounds', values['max-rounds']),
      coldStarts: countOf('--cold', values.cold),
      encodes: countOf('--encodes', values.encodes),
      data: listOf('--data', values.data, ['resident', 'upload'])[0],
      limits: values.limits,
      kernels: values.kernels,
    };
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

/** @typedef {ReturnType<typeof parseOptions>} Options */

/** @type {(option: string, text: string, allowed: string[]) => string[]} */
function listOf(option, text, allowed) {
  const names = text.split(',');
  const unknown = names.find((name) => !allowed.includes(name));
  if (unknown !== undefined)
    throw new Error(`${option}: expected some of ${allowed.join(', ')}, got ${unknown}`);
  return names;
}

/** @type {(option: string, text: string, least?: number) => number} */
function countOf(option, text, least = 1) {
  const count = Number(text);
  if (!Number.isInteger(count) || count < least)
    throw new Error(`${option}: expected a whole number from ${least}, got ${text}`);
  return count;
}
