// `npm run train` as a user starts it: a few steps on the real MNIST, in the headless browser where Dawn has no adapter.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors } from '../src/data/index.ts';
import { expect, test } from '@playwright/test';

const folder = mkdtempSync(join(tmpdir(), 'chainrule-train-'));
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('npm run train trains on WebGPU, tests all 10,000 images and writes the weights', () => {
  const out = join(folder, 'weights.safetensors');
  const args = ['run', 'train', '--', '--epochs', '0.02', '--out', out];
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
    shell: process.platform === 'win32', // npm is a .cmd file there
  });
  expect({ status, stderr }, stdout).toMatchObject({ status: 0 });
  expect(stdout).toMatch(/adapter: .+, (soft|hard)ware, through (Dawn|headless Chromium)/);
  expect(stdout).toMatch(/training 100% \| loss \d/);
  const accuracy = /test accuracy: (\d+\.\d\d) % \(\d+ of 10000\)/.exec(stdout)?.[1];
  // 20 steps of the 1000 get there; guessing gives 10 %
  expect(Number(accuracy)).toBeGreaterThan(60);
  const { tensors, metadata } = decodeSafetensors(readFileSync(out));
  expect(metadata).toMatchObject({ model: 'cnn' });
  expect([...tensors.keys()]).toEqual(
    ['0', '3', '7'].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
  );
});
