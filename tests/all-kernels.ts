import { attentionKernels } from '../src/webgpu/kernels/attention.ts';
import { coreKernels } from '../src/webgpu/kernels/core.ts';
import { imageKernels } from '../src/webgpu/kernels/image.ts';
import { indexedKernels } from '../src/webgpu/kernels/indexed.ts';
import { quadKernels } from '../src/webgpu/kernels/quad.ts';
import type { KernelTable } from '../src/webgpu/kernels/index.ts';

/** What a page loads piece by piece. */
export const allKernels: KernelTable = {
  ...coreKernels,
  ...quadKernels,
  ...indexedKernels,
  ...imageKernels,
  ...attentionKernels,
};
