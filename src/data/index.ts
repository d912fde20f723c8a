export {
  batches,
  batchesPerEpoch,
  shuffledBatches,
  type BatchOptions,
  type Columns,
  type ShuffleOptions,
} from './batches.ts';
export { DataFormatError } from './errors.ts';
export { parseIdx, type IdxArray, type IdxArrays } from './idx.ts';
export { mnist, MNIST_FILES, type LabelledImages } from './mnist.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors, type StoredTensor } from './safetensors.ts';
