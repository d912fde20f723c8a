export { Bernoulli } from './bernoulli.ts';
export { Categorical } from './categorical.ts';
export { Distribution, kl, type SampleOptions } from './distribution.ts';
export { Normal, type NormalOptions } from './normal.ts';
