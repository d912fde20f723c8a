export {
  batches,
  batchesPerEpoch,
  shuffledBatches,
  type Batch,
  type BatchOptions,
  type Columns,
  type LastBatch,
  type ShuffleOptions,
} from './batches.ts';
export { parseCsv, type CsvOptions, type CsvTable } from './csv.ts';
export {
  Dataset,
  DeviceDataset,
  type DatasetBatchOptions,
  type DatasetShuffleOptions,
} from './dataset.ts';
export { writtenDates, writtenForms, type DatePairs } from './dates.ts';
export { DataFormatError, LoadError } from './errors.ts';
export {
  circles,
  heteroscedastic,
  moons,
  spirals,
  type GeneratorOptions,
  type HeteroscedasticOptions,
  type PlaneOptions,
  type PlanePoints,
} from './generators.ts';
export { parseIdx, type IdxArray, type IdxArrays } from './idx.ts';
export { load, type LoadOptions } from './load.ts';
export { mnist, MNIST_FILES, type LabelledImages } from './mnist.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors, type StoredTensor } from './safetensors.ts';
export { CharVocabulary, padSequences, parseText, splitSequence, windows } from './text.ts';
