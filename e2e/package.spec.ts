// The packed library as a user gets it: installed into an empty Vite app (`package-app/`) outside this repository.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, createServer, preview } from 'vite';
import { findBrowser } from '../scripts/find-browser.mjs';
import type { Locator } from '@playwright/test';
import { expect, test } from './fixtures.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));
const app = realpathSync(mkdtempSync(join(tmpdir(), 'chainrule-app-')));
const LEARNED = 0.05;

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}
let packed: Packed;

/** Output of a command that has to succeed. */
function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const shell = process.platform === 'win32'; // npm is a .cmd file there
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', shell, env: { ...process.env, ...env } });
  expect(result.status, `${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`).toBe(0);
  return result.stdout;
}

test.beforeAll(() => {
  test.setTimeout(120_000);
  cpSync(join(repository, 'e2e/package-app'), app, { recursive: true });
  // In two commands: with the build in `prepack`, what Vite prints would mix with the JSON.
  run('npm', ['run', 'build'], repository);
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', app];
  [packed] = JSON.parse(run('npm', pack, repository)) as [Packed];
  run('npm', ['init', '--yes', '--silent'], app);
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${packed.filename}`], app);
});

test.afterAll(() => rmSync(app, { recursive: true, force: true }));

test('the package holds only what a user needs', () => {
  const others = packed.files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/.+\.(js|d\.ts)|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(path));
  expect(others).toEqual([]);
  const paths = packed.files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'LICENSE', 'package.json']),
  );
  // Nothing else came along: the library has no dependency of its own.
  expect(existsSync(join(app, 'node_modules/webgpu'))).toBe(false);
});

test('the types of the package pass a strict check of the app', () => {
  run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', '.'], app);
});

test('the built app trains XOR in a page and in a worker', async ({ page }) => {
  await build({
    root: app,
    base: './',
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { target: 'es2023' },
  });
  const server = await preview({ root: app, preview: { port: 0, host: '127.0.0.1' } });
  try {
    await page.goto(server.resolvedUrls!.local[0]!);
    await expectLearned(page.locator('body'));
  } finally {
    await server.close();
  }
});

test('the app trains XOR from the development server', async ({ page }) => {
  const server = await createServer({ root: app, logLevel: 'warn', server: { port: 0, host: '127.0.0.1' } });
  try {
    await server.listen();
    await page.goto(server.resolvedUrls!.local[0]!);
    await expectLearned(page.locator('body'));
  } finally {
    await server.close();
  }
});

async function expectLearned(body: Locator): Promise<void> {
  await expect(body).toContainText('inWorker', { timeout: 60_000 });
  const { inPage, inWorker } = JSON.parse((await body.textContent())!) as Record<string, number>;
  expect(inPage).toBeLessThan(LEARNED);
  // The same program on the same adapter gives the same numbers.
  expect(inWorker).toBe(inPage);
}

interface Trained {
  readonly device: string;
  readonly loss: number;
}
const trainInNode = (device: 'cpu' | 'webgpu', env?: NodeJS.ProcessEnv) =>
  JSON.parse(run(process.execPath, ['node.mjs', device], app, env)) as Trained;

test('trains XOR on cpu() in Node', () => {
  expect(trainInNode('cpu').loss).toBeLessThan(LEARNED);
});

test('names the missing peer when webgpu() is called in Node without it', () => {
  const { status, stderr } = spawnSync(process.execPath, ['node.mjs', 'webgpu'], {
    cwd: app,
    encoding: 'utf8',
  });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/DeviceError.*npm install webgpu/);
});

test('trains XOR on webgpu() in Node with the peer', async () => {
  symlinkSync(join(repository, 'node_modules/webgpu'), join(app, 'node_modules/webgpu'), 'junction');
  expect(trainInNode('webgpu', await softwareVulkan()).loss).toBeLessThan(LEARNED);
});

/** What lets Dawn find a software GPU on a Linux machine without a driver: the one that Chromium brings. */
async function softwareVulkan(): Promise<NodeJS.ProcessEnv> {
  const browser = await findBrowser();
  const folders = ['/usr/lib/chromium', ...(browser ? [dirname(realpathSync(browser))] : [])];
  const folder = folders.find((candidate) => existsSync(join(candidate, 'vk_swiftshader_icd.json')));
  if (process.platform !== 'linux' || folder === undefined) return {};
  return { VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder };
}
