export {
  atLeast,
  atMost,
  example,
  figure,
  type Claim,
  type Example,
  type Figures,
  type Run,
} from './example.ts';
export { encoder, fewLabelAccuracy, WIDTH, type FewLabels } from './few-labels.ts';
export { imageGrid } from './image.ts';
export { mnist, type Digits, type MnistOptions } from './mnist.ts';
export { pcaError } from './pca.ts';
export { fit, predict, type FitOptions } from './train.ts';
