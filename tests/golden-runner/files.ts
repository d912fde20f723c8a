import type { ReadFile } from './run.ts';

const FOLDER = new URL(/* @vite-ignore */ '../golden/', import.meta.url);

/** Reads the vendored golden folder: from disk in Node, from the dev server in a browser. */
export const readVendored: ReadFile = async (path) => {
  const url = new URL(path, FOLDER);
  if (url.protocol === 'file:') {
    const { readFile } = await import('node:fs/promises');
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
};
