export type { Block, Place, PlaceOf } from './blocks.ts';
export { addCosts, costOf, costOfPlan, formatCost, type Cost } from './cost.ts';
export {
  countDispatches,
  makePlan,
  paddedBytes,
  printPlan,
  BUFFER_ALIGNMENT,
  type Loop,
  type Plan,
  type Scratch,
} from './plan.ts';
export { describeKernel, readsOf, type Kernel } from './fuse.ts';
export { collapse, isContiguous, ownView, type Axis, type View } from './view.ts';
