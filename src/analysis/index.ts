export { biasVariance, type BiasVariance, type BiasVarianceOptions } from './bias-variance.ts';
export { autocorrelation, inputGradients } from './gradients.ts';
export {
  linearPieces,
  linearRegions,
  type LinearPiece,
  type LinearRegion,
  type Plane,
} from './linear-regions.ts';
export type { AffineLayer } from './relu.ts';
export { summary, type Summary, type SummaryRow } from './summary.ts';
