export type { Block } from './blocks.ts';
export { addCosts, costOf, costOfPlan, formatCost, type Cost } from './cost.ts';
export {
  countDispatches,
  dispatchesOf,
  makePlan,
  paddedBytes,
  printPlan,
  BUFFER_ALIGNMENT,
  type Loop,
  type Plan,
  type Scratch,
} from './plan.ts';
export { destinationOf, isMove, type Destination } from './join-moves.ts';
export {
  describeKernel,
  domainOf,
  linesAlong,
  nodesOf,
  readsByElement,
  readsOf,
  type Kernel,
  type Lines,
} from './kernel.ts';
export type { Place, PlaceOf } from './place.ts';
export { collapse, isContiguous, ownView, type Axis, type View } from './view.ts';
