// @ts-check
// The logs of full runs under docs/results/: one JSON file for each family, and a table of all in README.md.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, transformSync } from 'esbuild';
import { parseSync, Visitor } from 'vite';
import { ROOT } from './families.mjs';

export const RESULTS = join(ROOT, 'docs', 'results');

/** The seeds of a full run. */
export const SEEDS = [0, 1, 2];

/**
 * @typedef {object} Result
 * @property {string} family file name in `examples/`, without its ending
 * @property {string} title
 * @property {string} source digest of the family's code and of what it uses of the kit: a result of other code is stale
 * @property {string} commit checked out during the runs, and whether files differed from it
 * @property {string} adapter
 * @property {string} runtime
 * @property {{ seed: number, seconds: number, figures: Record<string, number> }[]} runs
 * @property {string[]} files what the run of the first seed saved, beside this file in a folder of the family's name
 */

/**
 * Digest of a family's code and of what it uses of other files of `examples/`, without comments, types, layout and what
 * only the short form does. The library is not in it: `commit` says which one ran.
 *
 * @param {string} family
 * @param {string} [root] of another copy of the repository
 */
export function sourceDigest(family, root = ROOT) {
  const full = transformSync(fullForm(bundleOf(family, root).code), {
    format: 'esm',
    treeShaking: true,
    minifyWhitespace: true,
  });
  return createHash('sha256').update(full.code).digest('hex').slice(0, 16);
}

/** B in place of each `short ? A : B` and `run.short ? A : B`. @param {string} code */
function fullForm(code) {
  let full = '';
  let at = 0;
  const visitor = new Visitor({
    ConditionalExpression({ test, start, alternate }) {
      const flag = test.type === 'MemberExpression' ? test.property : test;
      const insideA = start < at;
      if (flag.type !== 'Identifier' || flag.name !== 'short' || insideA) return;
      full += code.slice(at, start);
      at = alternate.start;
    },
  });
  visitor.visit(parseSync('bundle.js', code).program);
  return full + code.slice(at);
}

/** The files of `examples/` that a family's code comes from, relative to the repository. @param {string} family */
export const sourceFiles = (family) => bundleOf(family, ROOT).files;

/**
 * @param {string} family
 * @param {string} root
 */
function bundleOf(family, root) {
  const { outputFiles, metafile } = buildSync({
    entryPoints: [join(root, 'examples', `${family}.ts`)],
    absWorkingDir: root,
    bundle: true,
    packages: 'external',
    format: 'esm',
    minifyWhitespace: true,
    legalComments: 'none',
    tsconfigRaw: '{}',
    write: false,
    metafile: true,
  });
  const code = outputFiles.map(({ text }) => text).join('');
  return { code, files: Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs)) };
}

/** @returns {Result[]} */
export function readResults() {
  return readdirSync(RESULTS)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(RESULTS, file), 'utf8')));
}

const figure = (/** @type {number} */ value) => String(Number(value.toPrecision(4)));

/**
 * docs/results/README.md: each figure by seed.
 *
 * @param {readonly Result[]} results
 */
export function resultsTable(results) {
  return `# Results of the examples

Written by \`npm run examples:full\`, which runs each family of [\`examples/\`](../../examples) with seeds ${SEEDS.join(', ')} and
stops where a claim of the family does not hold. Do not edit. \`tests/unit/examples.test.ts\` fails when a family's code is
not the one that its figures come from. Accuracies are shares of 1, losses nats, times seconds.
${results.map(section).join('')}`;
}

/** @param {Result} result */
function section({ family, title, commit, adapter, runtime, runs, files }) {
  const names = Object.keys(runs[0]?.figures ?? {});
  const row = (/** @type {string} */ name, /** @type {string[]} */ cells) =>
    `| ${[name, ...cells].join(' | ')} |\n`;
  const figures = names.map((name) =>
    row(
      name,
      runs.map((run) => figure(run.figures[name] ?? Number.NaN)),
    ),
  );
  return `
## ${title}

[\`${family}.ts\`](../../examples/${family}.ts), commit ${commit}, ${adapter}, ${runtime}

${row(
  'seed',
  runs.map(({ seed }) => String(seed)),
)}${row(
  '---',
  runs.map(() => '---:'),
)}${figures.join('')}${row(
  'seconds',
  runs.map(({ seconds }) => seconds.toFixed(0)),
)}${files.map((file) => `\n${file.endsWith('.png') ? '!' : ''}[${file}](${family}/${file})\n`).join('')}`;
}
