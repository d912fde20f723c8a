export {
  accuracy,
  ConfusionMatrix,
  perplexity,
  type AccuracyOptions,
  type PerplexityOptions,
} from './classification.ts';
export {
  featureStatistics,
  fid,
  frechetDistance,
  inceptionScore,
  type FeatureStatistics,
} from './generative.ts';
