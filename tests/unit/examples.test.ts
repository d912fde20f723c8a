import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { atLeast, atMost, type Claim } from '../../examples/kit/index.ts';
import { FAMILIES, loadFamily } from '../../examples/kit/families.ts';
import { readResults, resultsTable, SEEDS, sourceDigest } from '../../scripts/example/results.mjs';
import { withoutResults } from '../examples-without-results.ts';

/** About 80: an example has to be read in one sitting. */
const MOST_LINES = 84;

const results = new Map(readResults().map((result) => [result.family, result]));

describe.each(FAMILIES)('%s', (family) => {
  test(`has at most ${MOST_LINES} lines that are not blank`, () => {
    const lines = readFileSync(`examples/${family}.ts`, 'utf8').split('\n');
    expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(MOST_LINES);
  });

  test('has results of its present code, and its claims hold for every seed', async () => {
    const result = results.get(family);
    if (withoutResults.has(family)) {
      expect(result, `${family} is named in tests/examples-without-results.ts; take it out`).toBeUndefined();
      return;
    }
    expect(result, `run npm run examples:full -- ${family}`).toBeDefined();
    const { source, commit, runs } = result!;
    expect(source, `stale: run npm run examples:full -- ${family}`).toBe(sourceDigest(family));
    expect(commit).toMatch(/^[0-9a-f]{10}( with uncommitted changes)?$/);
    expect(runs.map(({ seed }) => seed)).toEqual(SEEDS);
    const { claims } = await loadFamily(family);
    const broken = runs.flatMap(({ figures }) => claims(figures, false).filter(({ holds }) => !holds));
    expect(broken).toEqual([]);
  });
});

describe('the digest of a family', () => {
  /** A repository with two families, of which one uses the other. */
  const FILES = {
    'package.json': '{ "sideEffects": false }',
    'examples/first.ts':
      "import { add } from 'chainrule';\nimport { double } from './kit/index.ts';\nexport default (x: number) => double(add(x));\n",
    'examples/second.ts':
      "import first from './first.ts';\nimport { half } from './kit/half.ts';\nexport default (x: number) => half(first(x));\n",
    'examples/third.ts':
      "import { half } from './kit/index.ts';\nexport const third = 3;\nexport default () => half(third);\n",
    'examples/kit/index.ts': "export { double } from './double.ts';\nexport { half } from './half.ts';\n",
    'examples/kit/double.ts': 'export const double = (x: number) => 2 * x;\n',
    'examples/kit/half.ts': 'export const half = (x: number) => x / 2;\n',
  };
  const families = ['first', 'second', 'third'];
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chainrule-digest-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Digests of the families after some files have changed. */
  function digests(changes: Readonly<Record<string, string>> = {}) {
    for (const [path, text] of Object.entries({ ...FILES, ...changes })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return families.map((family) => sourceDigest(family, folder));
  }
  /** Which families have another digest with these changes. */
  const changedBy = (changes: Readonly<Record<string, string>>) => {
    const before = digests();
    return digests(changes).flatMap((digest, i) => (digest === before[i] ? [] : [families[i]]));
  };

  test('changes with the files of the kit that it uses, also through others, and with no others', () => {
    expect(new Set(digests()).size).toBe(3);
    expect(changedBy({ 'examples/kit/double.ts': 'export const double = (x: number) => x + x;\n' })).toEqual([
      'first',
      'second',
    ]);
    expect(changedBy({ 'examples/kit/half.ts': 'export const half = (x: number) => 0.5 * x;\n' })).toEqual([
      'second',
      'third',
    ]);
    expect(changedBy({ 'examples/third.ts': 'export default () => 4;\n' })).toEqual(['third']);
  });

  test('does not change with comments, types, layout and new parts of the kit', () => {
    expect(
      changedBy({
        'examples/first.ts': `// first\n${FILES['examples/first.ts'].replace('number', 'any')}\n`,
        'examples/kit/double.ts': 'export const double = (\n  x: number,\n): number => 2 * x; // doubles\n',
        'examples/kit/index.ts': `export { more } from './more.ts';\n${FILES['examples/kit/index.ts']}`,
        'examples/kit/more.ts': 'export const more = 1;\n',
      }),
    ).toEqual([]);
  });

  test('changes with the full form, and does not with what only the short form does', () => {
    const withForms = (steps: string, rows = 'short ? 1 : 2') =>
      `const steps = (short: boolean) => ${steps};
       const quick = () => 1, slow = () => 2;
       export default (short: boolean) => [steps(short), ${rows}, short ? [] : [(short ? 3 : 4) / 5], short ? quick() : slow()];\n`;
    const digestOf = (text: string) => digests({ 'examples/third.ts': text })[2];
    const before = digestOf(withForms('short ? 50 : 100'));
    for (const same of [
      withForms('short ? 20 : 100'),
      withForms('100'),
      withForms('run.short ? 20 : 100'),
      withForms('short ? (short ? 1 : 2) : (short ? 3 : 100)'),
      withForms('short ? 50 : 100', 'short ? Math.max(1, 3) : 2'),
      withForms('short ? 50 : 100').replace('quick = () => 1', 'quick = () => 3'),
      withForms('short ? 50 : 100').replace('short ? 3 : 4', 'short ? 6 : 4'),
    ])
      expect(digestOf(same), same).toBe(before);
    for (const other of [
      withForms('short ? 50 : 101'),
      withForms('short ? 50 : 100', 'short ? 1 : 3'),
      withForms('short ? 50 : 100').replace('slow = () => 2', 'slow = () => 3'),
      withForms('short ? 50 : 100').replace('short ? 3 : 4', 'short ? 3 : 6'),
      withForms('!short ? 50 : 100'),
    ])
      expect(digestOf(other), other).not.toBe(before);
  });

  test('is the same in every copy of the repository', () => {
    const here = digests();
    const other = mkdtempSync(join(tmpdir(), 'chainrule-digest-elsewhere-'));
    cpSync(folder, other, { recursive: true });
    expect(families.map((family) => sourceDigest(family, other))).toEqual(here);
    rmSync(other, { recursive: true });
  });
});

test('every result is of a family, and the table shows them all', () => {
  expect([...results.keys()].filter((family) => !FAMILIES.includes(family))).toEqual([]);
  expect(readFileSync('docs/results/README.md', 'utf8')).toBe(resultsTable([...results.values()]));
});

test('what runs saved is kept beside the results', () => {
  for (const { family, files } of results.values())
    if (files.length > 0) expect(readdirSync(`docs/results/${family}`).sort()).toEqual([...files].sort());
});

test('claims are wrong beyond the bound and for NaN', () => {
  const holds = (...claims: Claim[]) => claims.map((claim) => claim.holds);
  expect(holds(atLeast('x', 2, 2), atLeast('x', 1.9, 2), atLeast('x', Number.NaN, 2))).toEqual([
    true,
    false,
    false,
  ]);
  expect(holds(atMost('x', 2, 2), atMost('x', 2.1, 2), atMost('x', Number.NaN, 2))).toEqual([
    true,
    false,
    false,
  ]);
  expect(atLeast('accuracy', 0.98765, 0.9).text).toBe('accuracy: 0.9877 is at least 0.9');
});
