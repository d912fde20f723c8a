import argmax from '../../../shaders/argmax.wgsl';
import embeddingGrad from '../../../shaders/embedding_grad.wgsl';
import scatterAdd from '../../../shaders/scatter_add.wgsl';
import { linesAlong } from '../../plan/index.ts';
import { ceilDiv, SCALAR, WORKGROUP, type KernelTable } from './spec.ts';

/** Ops that find an index, or their elements by one. */
export const indexedKernels: KernelTable<'argmax' | 'scatterAdd' | 'embeddingGrad'> = {
  argmax(node, { axis }) {
    const { outer, length, inner } = linesAlong(node.inputs[0]!.shape, [axis]);
    return {
      shader: argmax,
      libraries: [],
      constants: {},
      sizes: { outer, length, inner },
      workgroups: ceilDiv(outer * inner, WORKGROUP),
      operands: [],
      epilogueWidth: 1,
      prologueWidth: 1,
    };
  },

  scatterAdd(node, { axis, size }) {
    const { length, inner } = linesAlong(node.inputs[0]!.shape, [axis]);
    return {
      shader: scatterAdd,
      libraries: [],
      constants: { T: SCALAR[node.dtype] },
      sizes: { count: node.size, size, length, inner },
      workgroups: ceilDiv(node.size, WORKGROUP),
      operands: [0, 1],
      epilogueWidth: 1,
    };
  },

  embeddingGrad: (node) => ({
    shader: embeddingGrad,
    libraries: [],
    constants: { T: SCALAR[node.dtype] },
    sizes: { count: node.size, width: node.shape[1]!, tokens: node.inputs[0]!.size },
    workgroups: ceilDiv(node.size, WORKGROUP),
    operands: [0, 1],
    epilogueWidth: 1,
  }),
};
