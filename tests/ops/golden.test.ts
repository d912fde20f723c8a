import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { goldenMissing } from '../golden-missing.ts';
import { readVendored } from '../golden-runner/files.ts';
import { readIndex, runFile } from '../golden-runner/run.ts';

const index = await readIndex(readVendored);
const files = new Set(index.map(({ file }) => file));

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** A training of 20 steps on a software adapter that shares its two cores. */
const TIMEOUT_MS = 60_000;

test.each(index.map((entry) => [entry.file, entry] as const))(
  'golden: %s',
  { timeout: TIMEOUT_MS },
  async (_, entry) => {
    const results = await runFile(entry, readVendored, device, __BACKEND__);
    for (const { id, status, problems } of results) {
      if (goldenMissing.has(id)) {
        expect(status, `${id} is named in tests/golden-missing.ts; take it out when it exists`).toBe(
          'missing',
        );
      } else {
        expect([status, ...problems], id).toEqual([status === 'excluded' ? 'excluded' : 'passed']);
      }
    }
    const ids = results.map(({ id }) => id);
    for (const id of goldenMissing)
      if (id.startsWith(`${entry.file}#`)) expect(ids, 'cases of this file').toContain(id);
  },
);

test('the list of missing golden cases names only files of the golden set', () => {
  for (const id of goldenMissing) expect(files).toContain(id.split('#')[0]);
});
