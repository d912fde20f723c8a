// Makes the built site work offline once it is loaded: a service worker that keeps the files of the build, and data when it
// is fetched for the first time.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** Fetched when needed: data, and fonts in formats that no browser with WebGPU asks for. */
const LATER = /^data\/|\.(woff|ttf)$/;

export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    async writeBundle({ dir }, bundle) {
      const files = Object.keys(bundle).filter((file) => !LATER.test(file));
      const page = bundle['index.html'];
      const text = files.join('\n') + (page?.type === 'asset' ? String(page.source) : '');
      const version = createHash('sha256').update(text).digest('hex').slice(0, 12);
      await writeFile(join(dir!, 'sw.js'), serviceWorker(version, ['./', ...files]));
    },
  };
}

/** Names of built files carry a hash of their content, so that one in the cache is never out of date. */
const serviceWorker = (version: string, files: readonly string[]) => `const CACHE = 'chainrule-${version}';
const FILES = ${JSON.stringify(files)};
self.addEventListener('install', (event) => {
  const fill = async () => (await caches.open(CACHE)).addAll(FILES);
  event.waitUntil(fill().then(() => self.skipWaiting()));
});
self.addEventListener('activate', (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) if (/^chainrule-[0-9a-f]{12}$/.test(name) && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});
async function answer(request) {
  const known = await caches.match(request, { ignoreSearch: true, ignoreVary: true });
  if (known) return known;
  const response = await fetch(request);
  if (response.ok) await (await caches.open(CACHE)).put(request, response.clone());
  return response;
}
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});
`;
