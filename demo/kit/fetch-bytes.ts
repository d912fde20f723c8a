import { DataError } from './data-error.ts';

/**
 * A file, decompressed if it is compressed.
 *
 * @param onSize told how many bytes will arrive, 0 when the server does not say
 * @param onChunk told how many more have arrived
 * @throws DataError when it does not arrive
 */
export async function fetchBytes(
  url: URL,
  onSize: (bytes: number) => void,
  onChunk: (bytes: number) => void,
): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new DataError(`${url.href}: HTTP ${response.status}`);
  onSize(Number(response.headers.get('content-length') ?? 0));
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        onChunk(chunk.byteLength);
        controller.enqueue(chunk);
      },
    }),
  );
  const bytes = await read(counted);
  // A server may have undone the compression already (Content-Encoding), so look instead of trusting the name.
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip ? read(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))) : bytes;
}

async function read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
