import { data } from 'chainrule';
import type { TrainerContext } from '../contract.ts';
import { fetchBytes } from './fetch-bytes.ts';

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
