export { describeKernel, makePlan, paddedBytes, printPlan, BUFFER_ALIGNMENT, type Plan } from './plan.ts';
export { readsOf, type Kernel } from './fuse.ts';
export { collapse, isContiguous, ownView, type Axis, type View } from './view.ts';
