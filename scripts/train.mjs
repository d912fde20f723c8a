// @ts-check
// npm run train: trains a network on the complete MNIST, on WebGPU unless asked otherwise. See --help.
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { duration, progressDisplay } from './train/display.mjs';
import { readMnistFile } from './train/mnist-files.mjs';
import { parseOptions } from './train/options.mjs';

/** The usual exit status of a program ended by Ctrl-C. */
const INTERRUPTED = 130;

const { backend, out, ...options } = parseOptions(process.argv.slice(2));
const display = progressDisplay(process.stderr, console.log);

/** What to end before the process does, last opened first. @type {(() => unknown)[]} */
const open = [];
let isInterrupted = false;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => void interrupt());
}

try {
  const { correct, tested, seconds, weights } = await train();
  const accuracy = `${((100 * correct) / tested).toFixed(2)} %`;
  console.log(`test accuracy: ${accuracy} (${correct} of ${tested}) after ${duration(seconds)}`);
  if (out !== undefined) {
    await writeFile(out, weights);
    console.log(`weights: ${out}`);
  }
  process.exit(0); // Dawn keeps the process alive
} catch (error) {
  // a browser that is being closed fails too
  if (!isInterrupted) {
    display.stop();
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

async function interrupt() {
  isInterrupted = true;
  display.stop();
  console.error('\ninterrupted');
  for (const close of open.reverse()) await close();
  process.exit(INTERRUPTED);
}

/** @returns {Promise<import('./train/task.mjs').Result>} */
async function train() {
  const { cpu, data, webgpu } = await import('chainrule');
  const { trainMnist } = await import('./train/task.mjs');
  const { show: onProgress } = display;

  if (backend === 'webgpu' && !dawnWorks()) {
    console.log('Dawn (npm package webgpu) has no usable adapter here; using a headless browser.');
    const { trainInChromium } = await import('./train/chromium.mjs');
    return trainInChromium({
      options,
      files: Object.values(data.MNIST_FILES),
      onAdapter: (adapter, runtime) => start(describe(adapter, runtime)),
      onProgress,
      onOpen: (close) => open.push(close),
    });
  }
  let device;
  if (backend === 'cpu') {
    device = cpu();
    start('the reference device on the CPU: no WebGPU, and very slow');
  } else {
    const gpu = await webgpu();
    start(describe(gpu.info, 'Dawn'));
    open.push(() => gpu.destroy());
    device = gpu;
  }
  return trainMnist({ device, mnist: await data.mnist(readMnistFile), options, onProgress });
}

/** True when Dawn finds an adapter that computes; asked in a process of its own, which a bad driver may end. */
function dawnWorks() {
  const probe = fileURLToPath(new URL('train/probe.mjs', import.meta.url));
  return spawnSync(process.execPath, [probe], { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

/** @param {string} adapter */
function start(adapter) {
  const { model, epochs, batch, lr, seed } = options;
  console.log(`adapter: ${adapter}`);
  console.log(`training: ${model}, epochs ${epochs}, batch ${batch}, lr ${lr}, seed ${seed}`);
}

/** @type {(adapter: import('./train/chromium.mjs').Adapter, runtime: string) => string} */
function describe({ vendor, architecture, description, software }, runtime) {
  const name =
    [vendor, architecture, description && `(${description})`].filter(Boolean).join(' ') || 'unnamed';
  return `${name}, ${software ? 'software' : 'hardware'}, through ${runtime}`;
}
