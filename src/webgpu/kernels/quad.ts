import matmulQuad from '../../../shaders/matmul_quad.wgsl';
import { coreKernels, matmulKernel, TILES } from './core.ts';
import { prefersQuads, type KernelTable } from './spec.ts';

/** 64 × 64 results per workgroup of 16 quads, whose lanes share what they load. */
export const QUAD_TILE = { shader: matmulQuad, rows: 8, columns: 8, lanesX: 8, lanesY: 8 };

/** Products on adapters where quads may pay. */
export const quadKernels: KernelTable<'matmul'> = {
  matmul(node, attrs, views, adapter) {
    const usual = coreKernels.matmul(node, attrs, views, adapter);
    return prefersQuads(adapter) && usual.shader === TILES['8x8'].shader
      ? matmulKernel(QUAD_TILE, node, attrs, views)
      : usual;
  },
};
