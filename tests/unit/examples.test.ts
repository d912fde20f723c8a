import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
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
    const { source, runs } = result!;
    expect(source, `stale: run npm run examples:full -- ${family}`).toBe(sourceDigest(family));
    expect(runs.map(({ seed }) => seed)).toEqual(SEEDS);
    const { claims } = await loadFamily(family);
    const broken = runs.flatMap(({ figures }) => claims(figures, false).filter(({ holds }) => !holds));
    expect(broken).toEqual([]);
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
