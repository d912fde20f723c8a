// @ts-check
// Prints `N passed, N failed` over Vitest and Playwright as the only and last line, for a machine to read.
// Usage: node scripts/test-summary.mjs <exit status of npm test>
import { existsSync, readFileSync } from 'node:fs';

/**
 * @typedef {{ passed: number, failed: number }} Counts
 * @typedef {{ status: string, assertionResults: { status: string }[] }} VitestFile
 */

/** @type {(report: { testResults: VitestFile[] }) => Counts} */
export function countVitest({ testResults }) {
  let passed = 0;
  let failed = 0;
  for (const file of testResults) {
    const failedHere = file.assertionResults.filter((test) => test.status === 'failed').length;
    passed += file.assertionResults.filter((test) => test.status === 'passed').length;
    // a file that throws while it loads, or in beforeAll, has no failed test of its own
    failed += file.status === 'failed' ? Math.max(failedHere, 1) : failedHere;
  }
  return { passed, failed };
}

/** @type {(report: { stats: { expected: number, flaky: number, unexpected: number }, errors: unknown[] }) => Counts} */
export function countPlaywright({ stats, errors }) {
  return {
    passed: stats.expected + stats.flaky,
    failed: Math.max(stats.unexpected, Math.min(errors.length, 1)),
  };
}

/**
 * @param {Counts[]} counts
 * @param {number} status of `npm test`: typecheck, lint, format and package checks fail without a failed test
 * @returns {Counts}
 */
export function total(counts, status) {
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  return { passed, failed: status === 0 ? failed : Math.max(failed, 1) };
}

/** @type {(path: string, count: (report: any) => Counts) => Counts[]} */
function read(path, count) {
  return existsSync(path) ? [count(JSON.parse(readFileSync(path, 'utf8')))] : [];
}

if (import.meta.filename === process.argv[1]) {
  const counts = [
    ...read('test-results/vitest.json', countVitest),
    ...read('test-results/playwright.json', countPlaywright),
  ];
  const { passed, failed } = total(counts, Number(process.argv[2] ?? 0));
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
