/** By the names of the networks in model.ts, in their order. */
export const METHODS = {
  none: 'none',
  l1: 'ℓ¹ penalty',
  l2: 'ℓ² penalty',
  dropout: 'dropout',
  batchNorm: 'batch norm',
  earlyStopping: 'early stopping',
} as const;
export type Method = keyof typeof METHODS;
export const NAMES = Object.keys(METHODS) as readonly Method[];
