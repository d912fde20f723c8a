// Tuning tables in Node are a file; tests/ops/tune.gpu.test.ts keeps them in a browser's database.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readTuning, writeTuning } from '../../src/webgpu/tuning-cache.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chainrule-tuning-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const file = () => join(folder, 'chainrule', readdirSync(join(folder, 'chainrule'))[0]!);

test('keeps a table for each adapter', async () => {
  expect(await readTuning('chainrule', 'one')).toEqual({});
  await writeTuning('chainrule', 'one', { 'matmul [2, 2] [2, 2]': '4x4' });
  await writeTuning('chainrule', 'two', { 'matmul [2, 2] [2, 2]': '8x8' });
  expect(await readTuning('chainrule', 'one')).toEqual({ 'matmul [2, 2] [2, 2]': '4x4' });
  expect(await readTuning('chainrule', 'two')).toEqual({ 'matmul [2, 2] [2, 2]': '8x8' });
  expect(await readTuning('another cache', 'one')).toEqual({});
  expect(Object.keys(JSON.parse(readFileSync(file(), 'utf8')) as object)).toEqual(['one', 'two']);
});

test('takes a damaged file for an empty one, and writes it anew', async () => {
  await writeTuning('chainrule', 'one', { a: 'b' });
  for (const damage of ['{ "one": ', 'null', '3']) {
    writeFileSync(file(), damage);
    expect(await readTuning('chainrule', 'one')).toEqual({});
  }
  await writeTuning('chainrule', 'one', { a: 'c' });
  expect(await readTuning('chainrule', 'one')).toEqual({ a: 'c' });
});

test('does without where nothing can be written', async () => {
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'file'));
  writeFileSync(join(folder, 'file'), '');
  await writeTuning('chainrule', 'one', { a: 'b' });
  expect(await readTuning('chainrule', 'one')).toEqual({});
});
