import argmax from '../../../shaders/argmax.wgsl';
import embeddingGrad from '../../../shaders/embedding_grad.wgsl';
import scatterAdd from '../../../shaders/scatter_add.wgsl';
import { linesAlong } from '../../plan/index.ts';
import { valueType } from '../generate.ts';
import { ceilDiv, widthOf, WORKGROUP, type KernelTable } from './spec.ts';

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
      constants: { T: node.dtype },
      sizes: { count: node.size, size, length, inner },
      workgroups: ceilDiv(node.size, WORKGROUP),
      operands: [0, 1],
      epilogueWidth: 1,
    };
  },

  embeddingGrad(node) {
    const width = widthOf(node.shape[1]!);
    const count = node.size / width;
    return {
      shader: embeddingGrad,
      libraries: [],
      constants: { V: valueType(node.dtype, width), WIDTH: `${width}u` },
      sizes: { count, columns: node.shape[1]! / width, tokens: node.inputs[0]!.size },
      workgroups: ceilDiv(count, WORKGROUP),
      operands: [0, 1],
      epilogueWidth: width,
    };
  },
};
