import { DataFormatError } from './errors.ts';
import { parseIdx, type IdxArray } from './idx.ts';

/** Images with their classes. */
export interface LabelledImages {
  readonly count: number;
  /** [count, 1, height, width] in C order; 0 is paper, 1 is ink. */
  readonly images: Float32Array;
  /** [count] */
  readonly labels: Int32Array;
}

/** The four files of MNIST, under the names they have been published with. */
export const MNIST_FILES = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;

/**
 * Read MNIST, or any data set in its four files (Fashion-MNIST, KMNIST): images as f32 in [0, 1], labels as i32.
 *
 * @param load gives the bytes of a file of `MNIST_FILES`, from a disk or a server
 * @throws DataFormatError when a file is not the IDX file that its name says, or images and labels differ in number
 */
export async function mnist(
  load: (file: string) => Uint8Array | Promise<Uint8Array>,
): Promise<{ train: LabelledImages; test: LabelledImages }> {
  const { trainImages, trainLabels, testImages, testLabels } = MNIST_FILES;
  const pair = async (images: string, labels: string) =>
    labelledImages(await load(images), await load(labels), `mnist ${images}`);
  const [train, test] = await Promise.all([pair(trainImages, trainLabels), pair(testImages, testLabels)]);
  return { train, test };
}

function labelledImages(imageFile: Uint8Array, labelFile: Uint8Array, name: string): LabelledImages {
  const images = unsignedBytes(parseIdx(imageFile), 3, name);
  const labels = unsignedBytes(parseIdx(labelFile), 1, name.replace('images', 'labels'));
  const [count] = images.shape as [number];
  if (labels.shape[0] !== count) throw new DataFormatError(name, `${count} labels`, `${labels.shape[0]}`);
  const scaled = new Float32Array(images.data.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = images.data[i]! / 255;
  return { count, images: scaled, labels: Int32Array.from(labels.data) };
}

function unsignedBytes(array: IdxArray, rank: number, name: string): IdxArray & { dtype: 'u8' } {
  if (array.dtype !== 'u8' || array.shape.length !== rank)
    throw new DataFormatError(name, `u8 with ${rank} axes`, `${array.dtype} [${array.shape.join(', ')}]`);
  return array;
}
