// @ts-check
// The page that chromium.mjs opens: trains in the browser and reports to Node.
import { data, webgpu } from 'chainrule';
import { trainMnist } from './task.mjs';

/**
 * What Node offers to the page, and the page to Node.
 *
 * @typedef {object} Node
 * @property {(adapter: import('./chromium.mjs').Adapter) => Promise<void>} reportAdapter
 * @property {(progress: import('./task.mjs').Progress) => Promise<void>} reportProgress
 *
 * @typedef {{ run: typeof run }} Page
 */

/** @param {import('./options.mjs').TrainOptions} options */
async function run(options) {
  const node = /** @type {Node} */ (/** @type {unknown} */ (globalThis));
  const device = await webgpu();
  const { vendor, architecture, description, software } = device.info;
  await node.reportAdapter({ vendor, architecture, description, software });
  const result = await trainMnist({
    device,
    mnist: await data.mnist(load),
    options,
    onProgress: node.reportProgress,
  });
  device.destroy();
  return result;
}

/** @param {string} file */
async function load(file) {
  const response = await fetch(`/${file}`);
  if (!response.ok) throw new Error(await response.text());
  return new Uint8Array(await response.arrayBuffer());
}

Object.assign(globalThis, { run });
