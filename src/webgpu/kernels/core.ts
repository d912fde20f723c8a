import columns from '../../../shaders/columns.wgsl';
import matmulOperands from '../../../shaders/lib/matmul_operands.wgsl';
import rowOfOne from '../../../shaders/lib/row_of_one.wgsl';
import rowOfSubgroup from '../../../shaders/lib/row_of_subgroup.wgsl';
import storeScalar from '../../../shaders/lib/store_scalar.wgsl';
import storeVector from '../../../shaders/lib/store_vector.wgsl';
import map from '../../../shaders/map.wgsl';
import matmul4x4 from '../../../shaders/matmul_4x4.wgsl';
import matmul8x8 from '../../../shaders/matmul_8x8.wgsl';
import rows from '../../../shaders/rows.wgsl';
import rowsSerial from '../../../shaders/rows_serial.wgsl';
import { sizeOf, type Tensor } from '../../graph/index.ts';
import { matmulSizes } from '../../ops/index.ts';
import type { Lines, View } from '../../plan/index.ts';
import { ceilDiv, widthOf, WORKGROUP, type Adapter, type KernelSpec, type KernelTable } from './spec.ts';

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
  const oneSubgroup = adapter.subgroupSize > 0 && length >= SHORT_ROW;
  return {
    shader: oneSubgroup ? rows : rowsSerial,
    libraries: [oneSubgroup ? rowOfSubgroup : rowOfOne],
    constants: {},
    sizes: { rows: outer },
    // One subgroup a row. Where subgroups are smaller than they may be, the surplus ones have nothing to do.
    workgroups: ceilDiv(oneSubgroup ? outer * adapter.subgroupSize : outer, WORKGROUP),
    operands: [],
    epilogueWidth: 1,
    prologueWidth: widthOf(length),
  };
}

export const coreKernels: KernelTable<'matmul'> = {
  matmul(node, attrs, [viewA, viewB], adapter) {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const { m, k, n } = matmulSizes(a, b, attrs);
    const batches = sizeOf(node.shape.slice(0, -2));
    const big = { rows: 8, columns: 8, lanesX: 8, lanesY: 8 };
    const small =
      n <= 16
        ? { rows: 4, columns: 4, lanesX: 4, lanesY: 16 }
        : { rows: 4, columns: 4, lanesX: 8, lanesY: 8 };
    const tilesOf = ({ rows, columns, lanesX, lanesY }: typeof big) => ({
      tilesM: ceilDiv(m, rows * lanesY),
      tilesN: ceilDiv(n, columns * lanesX),
    });
    const workgroupsOf = (tile: typeof big) => batches * tilesOf(tile).tilesM * tilesOf(tile).tilesN;
    // A thin result would leave most lanes of the big tile outside.
    const useBig = n > 32 && m > 4 && (adapter.software || workgroupsOf(big) >= ENOUGH_WORKGROUPS);
    const tile = useBig ? big : small;
    const { tilesM, tilesN } = tilesOf(tile);
    const vectorA = (attrs.transposeA ? m : k) % 4 === 0;
    const vectorB = (attrs.transposeB ? k : n) % 4 === 0;
    const batchStride = (view: View, size: number) =>
      view.strides.slice(0, -2).every((stride) => stride === 0) ? 0 : size;
    return {
      shader: useBig ? matmul8x8 : matmul4x4,
      libraries: [matmulOperands, n % 4 === 0 ? storeVector : storeScalar],
      constants: {
        A_ELEMENT: vectorA ? 'vec4f' : 'f32',
        B_ELEMENT: vectorB ? 'vec4f' : 'f32',
        A_UNIT: vectorA ? 4 : 1,
        B_UNIT: vectorB ? 4 : 1,
        TRANSPOSE_A: attrs.transposeA,
        TRANSPOSE_B: attrs.transposeB,
        LANES_X: tile.lanesX,
        LANES_Y: tile.lanesY,
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
      workgroups: workgroupsOf(tile),
      operands: [0, 1],
      epilogueWidth: widthOf(n),
    };
  },
};
