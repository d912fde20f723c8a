// @ts-check
// Where examples run: with Dawn in Node if it finds a GPU, and else in headless Chromium, on whatever adapter that has.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import { launchBrowser } from '../launch-browser.mjs';
import { ROOT } from './families.mjs';

const FAMILIES = '/examples/kit/families.ts';

/**
 * @typedef {import('../../examples/kit/families.ts').Outcome} Outcome
 * @typedef {import('../../examples/kit/families.ts').FamilyOptions} FamilyOptions
 *
 * @typedef {object} Runtime
 * @property {string} name how to say it: `Dawn`, `headless Chromium 150`, `the CPU`
 * @property {(family: string) => Promise<string>} title
 * @property {(family: string, options: FamilyOptions) => Promise<Outcome>} run
 * @property {() => Promise<void>} close
 */

/**
 * Open a runtime for `backend`.
 *
 * @param {'webgpu' | 'cpu'} backend
 * @returns {Promise<Runtime>}
 */
export async function openRuntime(backend) {
  const server = await createServer({
    root: ROOT,
    configFile: join(ROOT, 'vite.config.ts'),
    // tests have another set of dependencies, and would replace these under a page that uses them
    cacheDir: join(ROOT, 'node_modules', '.vite-examples'),
    appType: 'custom',
    logLevel: 'warn',
    server: { port: 0, host: '127.0.0.1', watch: null, hmr: false },
  });
  const { loadFamily, runFamily } = await server.ssrLoadModule(FAMILIES);
  const common = {
    title: async (/** @type {string} */ family) => (await loadFamily(family)).title,
  };
  if (backend === 'webgpu' && !dawnWorks()) return { ...common, ...(await inChromium(server)) };
  const name = backend === 'cpu' ? 'the reference device' : 'Dawn';
  return { ...common, name, run: runFamily, close: () => server.close() };
}

/** True when Dawn finds an adapter that computes; asked in a process of its own, which a bad driver may end. */
function dawnWorks() {
  const probe = fileURLToPath(new URL('dawn-probe.mjs', import.meta.url));
  return spawnSync(process.execPath, [probe], { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

/**
 * @param {import('vite').ViteDevServer} server
 * @returns {Promise<Omit<Runtime, 'title'>>}
 */
async function inChromium(server) {
  server.middlewares.use('/blank-page', (_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,"><title>examples</title>');
  });
  await server.listen();
  const browser = await launchBrowser();
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error));
  /** @type {FamilyOptions} */
  let current;
  await page.exposeFunction('exampleLog', (/** @type {string} */ line) => current.log(line));
  await page.exposeFunction(
    'exampleSave',
    (/** @type {string} */ name, /** @type {string | number[]} */ content) =>
      current.save(name, typeof content === 'string' ? content : Uint8Array.from(content)),
  );
  await page.goto(new URL('blank-page', server.resolvedUrls?.local[0]).href);
  return {
    name: `headless Chromium ${browser.version()}`,
    run(family, options) {
      current = options;
      const { backend, seed, short } = options;
      return page.evaluate(
        async ({ module, family, ...rest }) => {
          const { runFamily } = await import(module);
          const { exampleLog, exampleSave } = /** @type {any} */ (globalThis);
          const save = (/** @type {string} */ name, /** @type {string | Uint8Array} */ content) =>
            exampleSave(name, typeof content === 'string' ? content : [...content]);
          return runFamily(family, { ...rest, log: exampleLog, save });
        },
        { module: FAMILIES, family, backend, seed, short },
      );
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
