// @ts-check
// Training in headless Chrome or Chromium, for machines where Dawn finds no adapter of its own.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launchBrowser } from '../launch-browser.mjs';
import { readMnistFile } from './mnist-files.mjs';

const LOCALHOST = '127.0.0.1';
const HTML = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';

/**
 * @typedef {object} Adapter
 * @property {string} vendor
 * @property {string} architecture
 * @property {string} description
 * @property {boolean} software true when the CPU does the work
 */

/**
 * Train in a page of a headless browser, which uses the machine's GPU if it can and SwiftShader otherwise.
 *
 * @param {object} run
 * @param {import('./options.mjs').TrainOptions} run.options
 * @param {(adapter: Adapter, runtime: string) => void} run.onAdapter
 * @param {(progress: import('./task.mjs').Progress) => void} run.onProgress
 * @param {(close: () => Promise<unknown>) => void} run.onOpen given a function that ends server and browser at once
 * @param {readonly string[]} run.files the names of MNIST's files
 * @returns {Promise<import('./task.mjs').Result>}
 * @throws {Error} when there is no browser, or none with WebGPU, besides what the training throws
 */
export async function trainInChromium({ options, files, onAdapter, onProgress, onOpen }) {
  const server = await serve(files);
  onOpen(() => server.close());
  try {
    const browser = await launchBrowser();
    onOpen(() => browser.close());
    try {
      const page = await browser.newPage();
      /** @type {Promise<never>} */
      const failure = new Promise((_, reject) => {
        page.on('crash', () => reject(new Error('the page crashed; is there enough memory?')));
        page.on('pageerror', reject);
      });
      failure.catch(() => {}); // it is looked at below
      await page.exposeFunction('reportAdapter', (/** @type {Adapter} */ adapter) =>
        onAdapter(adapter, `headless Chromium ${browser.version()}`),
      );
      await page.exposeFunction('reportProgress', onProgress);
      await page.goto(server.url);
      const training = page.evaluate(
        (value) => /** @type {import('./page.mjs').Page} */ (/** @type {unknown} */ (globalThis)).run(value),
        options,
      );
      return await Promise.race([training, failure]).catch((error) => {
        throw new Error(firstLines(error), { cause: error });
      });
    } finally {
      await browser.close();
    }
  } finally {
    await server.close();
  }
}

/** The message of an error from the page, without the stack that Playwright adds. @param {Error} error */
function firstLines({ message }) {
  return message.replace('page.evaluate: ', '').replace(/\n +at .*/s, '');
}

/**
 * Serve the page, its script and MNIST on a free port that only this machine can reach.
 *
 * @param {readonly string[]} files
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
async function serve(files) {
  const script = await bundle();
  const server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? '';
    if (name === '') response.setHeader('content-type', 'text/html').end(HTML);
    else if (name === 'page.js') response.setHeader('content-type', 'text/javascript').end(script);
    else if (files.includes(name))
      readMnistFile(name).then(
        (bytes) => response.end(bytes),
        (error) => response.writeHead(500).end(String(error)),
      );
    else response.writeHead(404).end();
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, LOCALHOST, () => resolve(undefined));
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://${LOCALHOST}:${port}/`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** page.mjs and the library in one script. */
async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('page.mjs', import.meta.url))],
    alias: { chainrule: fileURLToPath(new URL('../../dist/index.js', import.meta.url)) },
    external: ['webgpu', 'node:*'], // only reached in Node
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'error',
  });
  return /** @type {[import('esbuild').OutputFile]} */ (outputFiles)[0].text;
}
