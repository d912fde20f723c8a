import attention from '../../../shaders/attention.wgsl';
import attentionKeyValueGrad from '../../../shaders/attention_key_value_grad.wgsl';
import attentionQueryGrad from '../../../shaders/attention_query_grad.wgsl';
import attentionCommon from '../../../shaders/lib/attention_common.wgsl';
import quadOfFourRows from '../../../shaders/lib/quad_of_four_rows.wgsl';
import quadOfOneRow from '../../../shaders/lib/quad_of_one_row.wgsl';
import streamedAlone from '../../../shaders/lib/streamed_alone.wgsl';
import streamedByQuad from '../../../shaders/lib/streamed_by_quad.wgsl';
import { sizeOf, type Tensor } from '../../graph/index.ts';
import { attentionSizes, type AttentionAttrs } from '../../ops/index.ts';
import type { View } from '../../plan/index.ts';
import { ceilDiv, prefersQuads, WORKGROUP, type Adapter, type KernelSpec, type KernelTable } from './spec.ts';

/** How many rows an invocation owns, and whether the lanes of a quad load streamed rows together. */
export interface AttentionTile {
  readonly rows: 1 | 4;
  readonly quads: boolean;
}

export const attentionKernels: KernelTable<'attention' | 'attentionQueryGrad' | 'attentionKeyValueGrad'> = {
  attention: (node, attrs, views, adapter) => attentionKernel(node, attrs, views, tileFor(adapter)),
  attentionQueryGrad: (node, attrs, views, adapter) => attentionKernel(node, attrs, views, tileFor(adapter)),
  attentionKeyValueGrad: (node, attrs, views, adapter) =>
    attentionKernel(node, attrs, views, tileFor(adapter)),
};

/**
 * Four rows share what is loaded of the streamed ones, which is what counts where a load costs more than arithmetic. On a GPU
 * one row leaves more invocations, and registers for whole rows of sums.
 */
const tileFor = (adapter: Adapter): AttentionTile => ({
  rows: adapter.software ? 4 : 1,
  quads: prefersQuads(adapter),
});

/** By op: the shader, positions of its operands among the inputs, and that of the mask. */
const SHADERS = {
  attention: { shader: attention, rowsOf: { q: 0, k: 1, v: 2 }, maskPosition: 3 },
  attentionQueryGrad: { shader: attentionQueryGrad, rowsOf: { q: 0, k: 1, v: 2, dy: 4 }, maskPosition: 5 },
  attentionKeyValueGrad: {
    shader: attentionKeyValueGrad,
    rowsOf: { q: 0, k: 1, v: 2, dy: 3 },
    maskPosition: 5,
  },
} as const;

export function attentionKernel(
  node: Tensor,
  { causal, scale }: AttentionAttrs,
  views: readonly View[],
  tile: AttentionTile,
): KernelSpec {
  const { shader, rowsOf, maskPosition } = SHADERS[node.op.name as keyof typeof SHADERS];
  const { batch, heads, queries, keys, width } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
  const ownQueries = shader !== attentionKeyValueGrad;
  const ownRows = ownQueries ? queries : keys;
  const rows = ownRows >= tile.rows ? tile.rows : 1;
  // A quad stays within its head.
  const tiles = tile.quads ? 4 * ceilDiv(ownRows, 4 * rows) : ceilDiv(ownRows, rows);
  const count = batch * heads * tiles;
  const mask = node.inputs[maskPosition];
  const maskStride = (axis: number) =>
    !mask || mask.shape[axis] === 1 ? 0 : sizeOf(mask.shape.slice(axis + 1));
  const operands = Array.from({ length: maskPosition }, (_, i) => i);
  return {
    shader,
    libraries: [
      attentionCommon,
      rows === 4 ? quadOfFourRows : quadOfOneRow,
      tile.quads ? streamedByQuad : streamedAlone,
    ],
    constants: {
      VECTORS: width / 4,
      SCALE: scale.toExponential(),
      CAUSAL: causal,
      MASKED: mask !== undefined,
      OWN_QUERIES: ownQueries,
    },
    sizes: {
      heads,
      tiles,
      count,
      queries,
      keys,
      ...Object.fromEntries(
        Object.entries(rowsOf).flatMap(([name, position]) => {
          const { shape, strides, offset } = views[position]!;
          const strideOf = (axis: number) => (shape[axis] === 1 ? 0 : strides[axis]! / 4);
          return [
            [`${name}_offset`, offset / 4],
            ...['batch', 'head', 'row'].map((axis, i) => [`${name}_${axis}`, strideOf(i)] as const),
          ];
        }),
      ),
      mask_batch: maskStride(0),
      mask_head: maskStride(1),
      mask_query: maskStride(2),
      mask_key: maskStride(3),
    },
    workgroups: ceilDiv(count, WORKGROUP),
    // Without a mask, its binding takes some other buffer.
    operands: [...operands, mask ? maskPosition : 0],
    epilogueWidth: 1,
  };
}
