import { nodeModule } from '../graph/index.ts';
import { LoadError } from './errors.ts';

export interface LoadOptions {
  /** The size that the file must have. */
  bytes?: number;
  /**
   * In browsers, the name of the cache that keeps fetched files for later visits, until `caches.delete(name)`; or false,
   * to ask the server each time. Default `chainrule`.
   */
  cache?: string | false;
  /** In pages, where `npm:` files are: a server's folder, or that of a CDN with versions in the path. Default `/node_modules/`. */
  packages?: string | URL;
  signal?: AbortSignal;
}

/** `https:` of a URL; a single letter is a drive of Windows. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;

/**
 * The bytes of a file: from a server, kept in the browser's cache; or in Node from the disk.
 *
 * @param source a URL (`https:`, `data:`, `blob:`; in Node also `file:`); `npm:name/path`, a file of an installed package,
 *   in Node looked for in `node_modules` from the working directory upwards; anything else is a path: in Node of the disk,
 *   in a page relative to it
 * @throws LoadError when there is no such file, the server answers with a status other than 2xx, or fewer or more bytes
 *   arrive than were announced or asked for
 */
export async function load(
  source: string | URL,
  { bytes: size, cache = 'chainrule', packages = '/node_modules/', signal }: LoadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const location = String(source);
  const scheme = SCHEME.exec(location)?.[1]?.toLowerCase();
  const init = signal ? { signal } : {};
  if (scheme === 'npm' || scheme === 'file' || scheme === undefined) {
    const fs = nodeModule('node:fs/promises');
    if (fs) {
      const read = async (path: string | URL) => new Uint8Array(await fs.readFile(path, init));
      try {
        const bytes = await (scheme === 'npm'
          ? readInstalled(location, read)
          : read(scheme === 'file' ? new URL(location) : location));
        requireSize(location, bytes, size);
        return bytes;
      } catch (error) {
        if (error instanceof LoadError || signal?.aborted) throw error;
        throw new LoadError(location, 'a file', messageOf(error), { cause: error });
      }
    }
  }
  const url =
    scheme === 'npm' ? String(packages).replace(/\/?$/, '/') + location.slice('npm:'.length) : location;
  return fetchCached(url, size, cache, init);
}

/** The first file of that path in a `node_modules` folder that the working directory sees. */
async function readInstalled(
  source: string,
  read: (path: string) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = source.slice('npm:'.length);
  const { join } = nodeModule('node:path')!;
  const here = join((globalThis as unknown as { process: { cwd(): string } }).process.cwd(), 'here');
  for (const folder of nodeModule('node:module')!.createRequire(here).resolve.paths(path) ?? []) {
    try {
      return await read(join(folder, path));
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    }
  }
  throw new LoadError(source, 'a file of an installed package', 'none. Is the package installed?');
}

async function fetchCached(
  url: string,
  size: number | undefined,
  cacheName: string | false,
  init: RequestInit,
): Promise<Uint8Array<ArrayBuffer>> {
  const cache = cacheName === false || /^(data|blob):/i.test(url) ? null : await openCache(cacheName);
  const kept = await cache?.match(url);
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    if (size === undefined || bytes.length === size) return bytes;
    await cache!.delete(url); // of another version of the file
  }
  const bytes = await fetchBytes(url, size, init);
  // A full cache must not keep anyone from the data.
  await cache?.put(url, new Response(bytes)).catch(() => {});
  return bytes;
}

/** The named cache; null where there is none: outside of browsers, on insecure pages, with storage switched off. */
async function openCache(name: string): Promise<Cache | null> {
  try {
    return await caches.open(name);
  } catch {
    return null;
  }
}

async function fetchBytes(
  url: string,
  size: number | undefined,
  init: RequestInit,
): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    response = await fetch(url, init);
    if (!response.ok)
      throw new LoadError(url, 'status 200', `${response.status} ${response.statusText}`.trim(), {
        status: response.status,
      });
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    // Also a connection that ends before all announced bytes have arrived.
    if (error instanceof LoadError || init.signal?.aborted) throw error;
    throw new LoadError(url, 'a complete answer', messageOf(error), { cause: error });
  }
  // The length of a compressed answer is another one; answers from other origins don't say whether they are compressed.
  const announced = response.headers.get('content-length');
  const isPlain = response.type !== 'cors' && !response.headers.has('content-encoding');
  requireSize(url, bytes, size ?? (announced !== null && isPlain ? Number(announced) : undefined));
  return bytes;
}

function requireSize(source: string, bytes: Uint8Array, size: number | undefined): void {
  if (size !== undefined && bytes.length !== size)
    throw new LoadError(source, `${size} bytes`, `${bytes.length}`);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
