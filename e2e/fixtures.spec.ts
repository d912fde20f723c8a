// The fixture that fails tests has to be able to fail: each kind of problem, planted in a page and in a worker.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from './fixtures.ts';

const GPU_MISTAKE = `
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  device.createBuffer({ size: 4, usage: 0xffff });
  await device.queue.onSubmittedWorkDone();
`;

const PROBLEMS = [
  { what: 'an uncaptured WebGPU error', code: GPU_MISTAKE, seen: /console (warning|error): .*usage/i },
  { what: 'a console error', code: `console.error('planted')`, seen: /console error: planted/ },
  { what: 'an exception', code: `throw new Error('planted')`, seen: /planted/ },
  { what: 'a failed request', code: `await fetch('./missing')`, seen: /HTTP 404: .*missing/ },
];

/** Serves `/<index>/page.html`, which runs the code of that problem, and `worker.html`, which runs it in a worker. */
const server = createServer((request, response) => {
  const [, index, file] = (request.url ?? '').split('/');
  const code = PROBLEMS[Number(index)]?.code ?? '';
  const page = (script: string) =>
    `<!doctype html><link rel="icon" href="data:,"><script type="module">${script}</script>`;
  const files: Readonly<Record<string, readonly [type: string, body: string]>> = {
    'page.html': ['text/html', page(code)],
    'worker.html': ['text/html', page(`new Worker('./code.js', { type: 'module' })`)],
    'code.js': ['text/javascript', code],
  };
  const [type, body] = files[file ?? ''] ?? ['text/plain', ''];
  response.writeHead(file !== undefined && file in files ? 200 : 404, { 'content-type': type }).end(body);
});

test.beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
test.afterAll(() => {
  server.close();
});

for (const where of ['page', 'worker']) {
  for (const [index, { what, seen }] of PROBLEMS.entries()) {
    test(`notices ${what} in a ${where}`, async ({ page, problems }) => {
      const { port } = server.address() as AddressInfo;
      await page.goto(`http://127.0.0.1:${port}/${index}/${where}.html`);
      await expect.poll(() => problems.join('\n')).toMatch(seen);
      problems.length = 0;
    });
  }
}
