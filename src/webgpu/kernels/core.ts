import columns from '../../../shaders/columns.wgsl';
import matmulOperands from '../../../shaders/lib/matmul_operands.wgsl';
import rowOfOne from '../../../shaders/lib/row_of_one.wgsl';
import rowOfSubgroup from '../../../shaders/lib/row_of_subgroup.wgsl';
import storeScalar from '../../../shaders/lib/store_scalar.wgsl';
import storeVector from '../../../shaders/lib/store_vector.wgsl';
import map from '../../../shaders/map.wgsl';
import matmul4x4 from '../../../shaders/matmul_4x4.wgsl';
import matmul8x8 from '../../../shaders/matmul_8x8.wgsl';
import rowsOfSubgroups from '../../../shaders/rows.wgsl';
import rowsSerial from '../../../shaders/rows_serial.wgsl';
import { sizeOf, type Tensor } from '../../graph/index.ts';
import { matmulSizes, type MatmulAttrs } from '../../ops/index.ts';
import type { Lines, View } from '../../plan/index.ts';
import {
  ceilDiv,
  widthOf,
  WORKGROUP,
  type Adapter,
  type KernelSpec,
  type KernelTable,
  type ShaderSource,
} from './spec.ts';

/** Below this many columns a row is read by one invocation. */
const SHORT_ROW = 32;
/** Fewer workgroups than this leave a GPU idle; smaller tiles make more of them. */
const ENOUGH_WORKGROUPS = 32;

/** Elementwise work over `size` elements. */
export function mapKernel(size: number): KernelSpec {
  const groups = ceilDiv(size, 4);
  return {
    shader: map,
    libraries: [],
    constants: {},
    sizes: { groups },
    workgroups: ceilDiv(groups, WORKGROUP),
    operands: [],
    epilogueWidth: 4,
  };
}

/** Reductions of lines, with the work around them. */
export function linesKernel({ outer, length, inner }: Lines, adapter: Adapter): KernelSpec {
  if (inner > 1) {
    const width = widthOf(inner);
    return {
      shader: columns,
      libraries: [],
      constants: { WIDTH: width },
      sizes: { count: outer * inner },
      workgroups: ceilDiv(outer * inner, WORKGROUP * width),
      operands: [],
      epilogueWidth: width,
      prologueWidth: width,
    };
  }
  return rowsKernel(outer, length, length >= SHORT_ROW ? adapter.subgroupSize : 0);
}

/** One subgroup a row, or with a `subgroupSize` of 0 one invocation a row. */
export function rowsKernel(rows: number, length: number, subgroupSize: number): KernelSpec {
  const oneSubgroup = subgroupSize > 0;
  return {
    shader: oneSubgroup ? rowsOfSubgroups : rowsSerial,
    libraries: [oneSubgroup ? rowOfSubgroup : rowOfOne],
    constants: {},
    sizes: { rows },
    // Where subgroups are smaller than they may be, the surplus ones have nothing to do.
    workgroups: ceilDiv(oneSubgroup ? rows * subgroupSize : rows, WORKGROUP),
    operands: [],
    epilogueWidth: 1,
    prologueWidth: widthOf(length),
  };
}

/** How much of a product an invocation and a workgroup compute. */
export interface MatmulTile {
  readonly shader: ShaderSource;
  /** What the shader needs besides the operands. */
  readonly libraries?: readonly ShaderSource[];
  readonly rows: number;
  readonly columns: number;
  readonly lanesX: number;
  readonly lanesY: number;
}
export const TILES = {
  '8x8': { shader: matmul8x8, rows: 8, columns: 8, lanesX: 8, lanesY: 8 },
  '4x4': { shader: matmul4x4, rows: 4, columns: 4, lanesX: 8, lanesY: 8 },
  '4x4 narrow': { shader: matmul4x4, rows: 4, columns: 4, lanesX: 4, lanesY: 16 },
} as const;

/** A product, tile by tile. */
export function matmulKernel(
  { shader, libraries = [], rows, columns, lanesX, lanesY }: MatmulTile,
  node: Tensor,
  attrs: MatmulAttrs,
  [viewA, viewB]: readonly View[],
): KernelSpec {
  const [a, b] = node.inputs as [Tensor, Tensor];
  const { m, k, n } = matmulSizes(a, b, attrs);
  const batches = sizeOf(node.shape.slice(0, -2));
  const [tilesM, tilesN] = [ceilDiv(m, rows * lanesY), ceilDiv(n, columns * lanesX)];
  const vectorA = (attrs.transposeA ? m : k) % 4 === 0;
  const vectorB = (attrs.transposeB ? k : n) % 4 === 0;
  const batchStride = (view: View, size: number) =>
    view.strides.slice(0, -2).every((stride) => stride === 0) ? 0 : size;
  return {
    shader,
    libraries: [matmulOperands, n % 4 === 0 ? storeVector : storeScalar, ...libraries],
    constants: {
      A_ELEMENT: vectorA ? 'vec4f' : 'f32',
      B_ELEMENT: vectorB ? 'vec4f' : 'f32',
      A_UNIT: vectorA ? 4 : 1,
      B_UNIT: vectorB ? 4 : 1,
      TRANSPOSE_A: attrs.transposeA,
      TRANSPOSE_B: attrs.transposeB,
      K_REST: k % 4 !== 0,
      LANES_X: lanesX,
      LANES_Y: lanesY,
    },
    sizes: {
      m,
      n,
      k,
      tiles_m: tilesM,
      tiles_n: tilesN,
      batches,
      batch_stride_a: batchStride(viewA!, m * k),
      batch_stride_b: batchStride(viewB!, k * n),
    },
    workgroups: batches * tilesM * tilesN,
    operands: [0, 1],
    epilogueWidth: widthOf(n),
  };
}

export const coreKernels: KernelTable<'matmul'> = {
  matmul(node, attrs, views, adapter) {
    const { m, n } = matmulSizes(node.inputs[0]!, node.inputs[1]!, attrs);
    const big = matmulKernel(TILES['8x8'], node, attrs, views);
    // A thin result would leave most lanes of the big tile outside.
    if (n > 32 && m > 4 && (adapter.software || big.workgroups >= ENOUGH_WORKGROUPS)) return big;
    return matmulKernel(TILES[n <= 16 ? '4x4 narrow' : '4x4'], node, attrs, views);
  },
};
