// @ts-check
// Runs a folder of golden cases through the library: npm run golden -- [--dir DIR] [--backend cpu|webgpu] [--out FILE]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { chromium } from 'playwright';
import { createServer } from 'vite';
import { launchOptions } from './find-browser.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VENDORED = join(ROOT, 'tests', 'golden');
// Debian's Chromium brings the Vulkan loader and the software GPU that Dawn needs on a machine without either
const CHROMIUM_LIBRARIES = '/usr/lib/chromium';
const SWIFTSHADER_ICD = `${CHROMIUM_LIBRARIES}/vk_swiftshader_icd.json`;
const RUNNER = '/tests/golden-runner';

/** @typedef {import('../tests/golden-runner/run.ts').CaseResult} CaseResult */

const program = new Command('npm run golden --')
  .description('Runs every case of a golden folder and prints passed, failed and missing by group.')
  .option('--dir <folder>', 'folder with index.json', folder, VENDORED)
  .addOption(new Option('--backend <name>', 'where to run').choices(['cpu', 'webgpu']).default('webgpu'))
  .option('--out <file>', 'write every result to this file, as JSON')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
const { dir, backend, out } = program.parse().opts();

/** @param {string} path */
function folder(path) {
  const full = resolve(path);
  if (!existsSync(join(full, 'index.json'))) throw new InvalidArgumentError(`${full} has no index.json.`);
  return full;
}

if (backend === 'webgpu' && existsSync(SWIFTSHADER_ICD) && !process.env['VK_ICD_FILENAMES']) {
  // The loader path is read when a process starts, so start again with it.
  const env = { ...process.env, VK_ICD_FILENAMES: SWIFTSHADER_ICD, LD_LIBRARY_PATH: CHROMIUM_LIBRARIES };
  const { status } = spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit', env });
  process.exit(status ?? 1);
}

const server = await createServer({
  root: ROOT,
  configFile: join(ROOT, 'vite.config.ts'),
  appType: 'custom',
  logLevel: 'warn',
  server: { port: 0, host: '127.0.0.1', watch: null, hmr: false },
});

/** @returns {Promise<{ device: string, cases: CaseResult[] }>} */
async function runInNode() {
  const library = await server.ssrLoadModule('/src/index.ts');
  const { runAll } = await server.ssrLoadModule(`${RUNNER}/run.ts`);
  const device = backend === 'cpu' ? library['cpu']() : await library['webgpu']();
  const cases = await runAll((/** @type {string} */ path) => readFile(join(dir, path)), device, backend);
  device.destroy();
  return { device: device.name, cases };
}

/** True when npm `webgpu` is installed and finds an adapter; then `navigator.gpu` is Dawn's. */
async function openDawn() {
  try {
    const { create, globals } = await import('webgpu');
    const gpu = create([]);
    if (!(await gpu.requestAdapter())) return false;
    Object.assign(globalThis, globals);
    if (globalThis.navigator === undefined)
      Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
    Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
    return true;
  } catch {
    return false;
  }
}

/** @returns {Promise<{ device: string, cases: CaseResult[] }>} */
async function runInChromium() {
  server.middlewares.use('/golden-page', (_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,"><title>golden</title>');
  });
  server.middlewares.use('/golden-files/', (request, response, next) => {
    const path = resolve(dir, `.${decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)}`);
    if (!path.startsWith(dir)) return next();
    readFile(path).then((bytes) => response.end(bytes), next);
  });
  await server.listen();
  const browser = await chromium.launch(await launchOptions());
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error));
    await page.goto(new URL('golden-page', server.resolvedUrls?.local[0]).href);
    return await page.evaluate(async (module) => {
      const { runInBrowser } = await import(module);
      return runInBrowser('/golden-files/');
    }, `${RUNNER}/browser.ts`);
  } finally {
    await browser.close();
  }
}

let failed = true;
try {
  const inNode = backend === 'cpu' || (await openDawn());
  const { device, cases } = inNode ? await runInNode() : await runInChromium();
  const { formatReport, makeReport } = await server.ssrLoadModule(`${RUNNER}/report.ts`);
  console.log(`golden: ${dir} on ${device}${inNode || backend === 'cpu' ? '' : ' in headless Chromium'}`);
  console.log(formatReport(cases));
  if (out) await writeFile(out, `${JSON.stringify(makeReport(dir, backend, device, cases), null, 1)}\n`);
  failed = cases.some((result) => result.status === 'failed');
} finally {
  await server.close();
}
// Dawn keeps the process alive until its devices are collected
process.exit(failed ? 1 : 0);
