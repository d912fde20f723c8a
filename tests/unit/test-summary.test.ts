import { expect, test } from 'vitest';
import { countPlaywright, countVitest, total } from '../../scripts/test-summary.mjs';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((testStatus) => ({ status: testStatus })),
});

test('Vitest tests are counted, and a file that fails without a failed test counts once', () => {
  const testResults = [
    file('passed', 'passed', 'passed'),
    file('failed', 'passed', 'failed'),
    file('failed', 'skipped'),
  ];
  expect(countVitest({ testResults })).toEqual({ passed: 3, failed: 2 });
});

test('Playwright tests are counted, and an error outside the tests counts once', () => {
  const stats = { expected: 4, flaky: 1, unexpected: 2 };
  expect(countPlaywright({ stats, errors: [] })).toEqual({ passed: 5, failed: 2 });
  expect(countPlaywright({ stats: { ...stats, unexpected: 0 }, errors: [{}] })).toEqual({
    passed: 5,
    failed: 1,
  });
});

test('a failed check without a failed test is one failure', () => {
  const counts = [{ passed: 3, failed: 0 }];
  expect(total(counts, 0)).toEqual({ passed: 3, failed: 0 });
  expect(total(counts, 2)).toEqual({ passed: 3, failed: 1 });
});
