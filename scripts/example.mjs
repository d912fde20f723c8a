// @ts-check
// npm run example -- vae: runs a model family of examples/. npm run examples:full: all, with three seeds, into docs/results/.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FAMILIES, ROOT } from './example/families.mjs';
import { readResults, RESULTS, resultsTable, SEEDS, sourceDigest, sourceFiles } from './example/results.mjs';

const USAGE_ERROR = 2;
/** Seeds are u32. */
const LARGEST_SEED = 2 ** 32 - 1;
/** Where a single run saves its pictures and tables. */
const OUT = join(ROOT, 'example-output');

const command = new Command('npm run example --')
  .description('Run model families: files of examples/, by name. Without a name, list them.')
  .argument('[names...]', 'such as mlp or vae')
  .option('--seed <number>', 'fixes all that is random', seedFrom, 0)
  .option('--short', 'the short form that CI runs', false)
  .option(
    '--full',
    `seeds ${SEEDS.join(', ')} of the families named, or of all, and the log in docs/results/`,
    false,
  )
  .addOption(
    new Option('--backend <name>', 'cpu is the reference: exact and very slow')
      .choices(['webgpu', 'cpu'])
      .default('webgpu'),
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_ERROR));
const { seed, short, full, backend } = command.parse().opts();

/** @param {string} text */
function seedFrom(text) {
  if (!/^\d+$/.test(text) || Number(text) > LARGEST_SEED)
    throw new InvalidArgumentError(`Expected a whole number from 0 to ${LARGEST_SEED}.`);
  return Number(text);
}

const unknown = command.args.filter((name) => !FAMILIES.includes(name));
if (unknown.length > 0) {
  console.error(`error: no example is called ${unknown.join(', ')}. There are: ${FAMILIES.join(', ')}`);
  process.exit(USAGE_ERROR);
}
if (!full && command.args.length === 0) {
  console.log(FAMILIES.join('\n'));
  process.exit();
}

// Only now: it brings Dawn or a browser.
const { openRuntime } = await import('./example/runtime.mjs');
const runtime = await openRuntime(backend);
let failed = 0;
if (full) {
  for (const name of command.args.length > 0 ? command.args : FAMILIES)
    if (!(await runFull(name))) failed = 1;
} else {
  for (const name of command.args) {
    const folder = join(OUT, name);
    const outcome = await runOnce(name, seed, short, (file, content) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, file), content);
      console.log(`saved: ${join(folder, file)}`);
    });
    if (!outcome.claims.every(({ holds }) => holds)) failed = 1;
  }
}
await runtime.close();
process.exit(failed); // Dawn keeps the process alive

/**
 * @param {string} name
 * @param {number} runSeed
 * @param {boolean} isShort
 * @param {(file: string, content: string | Uint8Array) => void} save
 */
async function runOnce(name, runSeed, isShort, save) {
  console.log(`${name}, seed ${runSeed}${isShort ? ', short form' : ''}, ${runtime.name}`);
  const outcome = await runtime.run(name, {
    backend,
    seed: runSeed,
    short: isShort,
    log: (line) => console.log(`  ${line}`),
    save: async (file, content) => save(file, content),
  });
  for (const { holds, text } of outcome.claims) console.log(`  ${holds ? 'holds' : 'FAILS'}: ${text}`);
  console.log(
    `  ${JSON.stringify(outcome.figures)} after ${outcome.seconds.toFixed(1)} s on ${outcome.adapter}`,
  );
  return outcome;
}

/** Run all seeds and, if every claim holds, write the log. @param {string} name */
async function runFull(name) {
  /** @type {import('./example/results.mjs').Result} */
  const result = {
    family: name,
    title: await runtime.title(name),
    source: sourceDigest(name),
    commit: commit(name),
    adapter: '',
    runtime: runtime.name,
    runs: [],
    files: [],
  };
  /** @type {Map<string, string | Uint8Array>} */
  const saved = new Map();
  for (const runSeed of SEEDS) {
    const { adapter, claims, figures, seconds } = await runOnce(name, runSeed, false, (file, content) => {
      if (runSeed === SEEDS[0]) saved.set(file, content);
    });
    if (!claims.every(({ holds }) => holds)) return false;
    result.adapter = adapter;
    result.runs.push({ seed: runSeed, seconds: Math.round(seconds), figures });
  }
  result.files = [...saved.keys()];
  const folder = join(RESULTS, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(saved.size > 0 ? folder : RESULTS, { recursive: true });
  for (const [file, content] of saved) writeFileSync(join(folder, file), content);
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(RESULTS, 'README.md'), resultsTable(readResults()));
  return true;
}

/** The commit checked out, and whether what the run depends on differs from it. @param {string} name */
function commit(name) {
  const git = (/** @type {string[]} */ ...args) =>
    spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  const changed = git('status', '--porcelain', '--', 'src', 'shaders', ...sourceFiles(name)) !== '';
  return `${git('rev-parse', '--short=10', 'HEAD')}${changed ? ' with uncommitted changes' : ''}`;
}
