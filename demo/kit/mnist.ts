import { data } from 'chainrule';
import type { TrainerContext } from '../contract.ts';
import { DataError } from './data-error.ts';

/** Labelled digits: images [n, 28, 28] and labels [n], all as bytes: a quarter of the memory of floats. */
export interface Digits {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

type Mnist = { readonly train: Digits; readonly test: Digits };
type Source = Pick<TrainerContext<unknown, unknown>, 'dataFolder' | 'onProgress'>;

let loaded: Promise<Mnist> | undefined;

/**
 * The 60,000 training and the 10,000 held-out digits, fetched once: a network that is built anew finds them here.
 *
 * @param source the trainer's context: `mnist-plugin.ts` serves and bundles the files of its folder
 * @throws DataError when a file does not arrive
 */
export const loadMnist = (source: Source): Promise<Mnist> => (loaded ??= fetchMnist(source));

/** The total that `onProgress` is told grows as answers come in. */
async function fetchMnist({ dataFolder: folder, onProgress }: Source): Promise<Mnist> {
  let [bytes, total] = [0, 0];
  async function load(name: string): Promise<Uint8Array> {
    const file = await fetchBytes(
      new URL(`${name}.gz`, folder),
      (size) => (total += size),
      (arrived) => {
        bytes += arrived;
        onProgress(bytes, total);
      },
    );
    const array = data.parseIdx(file);
    if (array.dtype !== 'u8') throw new Error(`${name}: expected bytes, got ${array.dtype}`);
    return array.data;
  }
  const { trainImages, trainLabels, testImages, testLabels } = data.MNIST_FILES;
  const pair = async (images: string, labels: string): Promise<Digits> => {
    const [pixels, classes] = await Promise.all([load(images), load(labels)]);
    return { images: pixels, labels: classes };
  };
  const [train, test] = await Promise.all([pair(trainImages, trainLabels), pair(testImages, testLabels)]);
  return { train, test };
}

async function fetchBytes(
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
