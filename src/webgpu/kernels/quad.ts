import quadSwap from '../../../shaders/lib/quad_swap.wgsl';
import matmulQuad from '../../../shaders/matmul_quad.wgsl';
import { coreKernels, matmulKernel, TILES, type MatmulTile } from './core.ts';
import { prefersQuads, type KernelTable } from './spec.ts';

/** 64 × 64 results per workgroup of 16 quads, whose lanes share what they load. */
export const QUAD_TILE: MatmulTile = {
  shader: matmulQuad,
  libraries: [quadSwap],
  rows: 8,
  columns: 8,
  lanesX: 8,
  lanesY: 8,
};

/** Products on adapters where quads may pay. */
export const quadKernels: KernelTable<'matmul'> = {
  matmul(node, attrs, views, adapter) {
    const usual = coreKernels.matmul(node, attrs, views, adapter);
    return prefersQuads(adapter) && usual.shader === TILES['8x8'].shader
      ? matmulKernel(QUAD_TILE, node, attrs, views)
      : usual;
  },
};
