import argmax from '../../shaders/argmax.wgsl';
import attention from '../../shaders/attention.wgsl';
import attentionKeyValueGrad from '../../shaders/attention_key_value_grad.wgsl';
import attentionQueryGrad from '../../shaders/attention_query_grad.wgsl';
import avgPool2d from '../../shaders/avg_pool2d.wgsl';
import avgPool2dGrad from '../../shaders/avg_pool2d_grad.wgsl';
import columns from '../../shaders/columns.wgsl';
import conv2d from '../../shaders/conv2d.wgsl';
import conv2dAny from '../../shaders/conv2d_any.wgsl';
import conv2dWeightGrad from '../../shaders/conv2d_weight_grad.wgsl';
import embeddingGrad from '../../shaders/embedding_grad.wgsl';
import attentionCommon from '../../shaders/lib/attention_common.wgsl';
import matmulOperands from '../../shaders/lib/matmul_operands.wgsl';
import quadOfFourRows from '../../shaders/lib/quad_of_four_rows.wgsl';
import quadOfOneRow from '../../shaders/lib/quad_of_one_row.wgsl';
import rowOfOne from '../../shaders/lib/row_of_one.wgsl';
import rowOfSubgroup from '../../shaders/lib/row_of_subgroup.wgsl';
import storeScalar from '../../shaders/lib/store_scalar.wgsl';
import storeVector from '../../shaders/lib/store_vector.wgsl';
import map from '../../shaders/map.wgsl';
import matmul4x4 from '../../shaders/matmul_4x4.wgsl';
import matmul8x8 from '../../shaders/matmul_8x8.wgsl';
import maxPool2d from '../../shaders/max_pool2d.wgsl';
import maxPool2dGrad from '../../shaders/max_pool2d_grad.wgsl';
import maxPool2dGradCells from '../../shaders/max_pool2d_grad_cells.wgsl';
import rows from '../../shaders/rows.wgsl';
import rowsSerial from '../../shaders/rows_serial.wgsl';
import scatterAdd from '../../shaders/scatter_add.wgsl';
import upsample from '../../shaders/upsample.wgsl';
import upsampleGrad from '../../shaders/upsample_grad.wgsl';
import { sizeOf, type DType, type Tensor } from '../graph/index.ts';
import {
  attentionSizes,
  imageSizes,
  kernelSizes,
  matmulSizes,
  upsampleGrid,
  type AttentionAttrs,
  type ConvAttrs,
  type PoolAttrs,
  type UpsampleAttrs,
} from '../ops/index.ts';
import type { KernelName, PrimitiveAttrs } from '../ops/primitives.ts';
import type { Lines, View } from '../plan/index.ts';
import type { Width } from './generate.ts';

/** A shader file as the build hands it over: its text and the bindings it declares, reflected from the text. */
export interface ShaderSource {
  readonly name: string;
  readonly code: string;
  readonly bindings: readonly {
    readonly binding: number;
    readonly name: string;
    readonly kind: 'storage-read' | 'storage-read-write' | 'uniform';
    readonly members?: readonly string[];
  }[];
}

/** What the choice of a kernel may depend on besides the op. */
export interface Adapter {
  /** Runs on a CPU: large register tiles pay even where they leave few workgroups. */
  readonly software: boolean;
  /** Most lanes a subgroup may have, or 0 where a workgroup of 64 is not made of whole subgroups. */
  readonly subgroupSize: number;
}

/** One way to run a kernel op. */
export interface KernelSpec {
  readonly shader: ShaderSource;
  readonly libraries: readonly ShaderSource[];
  /** Injected names: numbers, booleans, and types (as text). */
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  /** Members of the shader's Sizes struct, by name. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly workgroups: number;
  /** Which inputs of the op the shader's storage bindings are, in order. */
  readonly operands: readonly number[];
  /** Elements that one call of `epilogue` (or `map`) and of `element` covers. */
  readonly epilogueWidth: Width;
  readonly prologueWidth?: Width;
}

type Choose<Attrs> = (node: Tensor, attrs: Attrs, views: readonly View[], adapter: Adapter) => KernelSpec;

const ceilDiv = (a: number, b: number) => Math.ceil(a / b);
const widthOf = (size: number): Width => (size % 4 === 0 ? 4 : 1);
const SCALAR: Readonly<Record<DType, string>> = { f32: 'f32', i32: 'i32', u32: 'u32', bool: 'u32' };

/** Invocations in a workgroup of every kernel here. */
const WORKGROUP = 64;
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

/** The kernel for each op that has one of its own. */
export const kernels: {
  readonly [Name in Exclude<KernelName, 'sum' | 'max'>]: Choose<PrimitiveAttrs[Name]>;
} = {
  argmax(node, { axis }) {
    const { outer, length, inner } = middleAxis(node.inputs[0]!, [axis]);
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

  conv2d: (node, attrs) => convolution(node, attrs, false),
  convTranspose2d: (node, attrs) => convolution(node, attrs, true),
  conv2dWeightGrad: (node, attrs) => weightGradient(node, attrs, 1),
  conv2dWeightGradParts: (node, attrs) => weightGradient(node, attrs, attrs.parts),

  maxPool2d: (node, attrs) => pool(maxPool2d, node, node.inputs[0]!, node, attrs, [0, 0], { SAME: true }),
  maxPool2dPick: (node, attrs) =>
    pool(maxPool2d, node, node.inputs[0]!, node, attrs, [0, 1], { SAME: false }),
  maxPool2dGrad(node, attrs) {
    const output = node.inputs[1]!;
    const { kernel, stride, padding } = attrs;
    if (stride[0] < kernel[0] || stride[1] < kernel[1])
      return pool(maxPool2dGrad, node, node, output, attrs, [0, 1]);
    const spec = pool(maxPool2dGradCells, node, node, output, attrs, [0, 1]);
    const constants = { ...spec.constants, I: spec.epilogueWidth === 4 ? 'vec4i' : 'i32' };
    const { n, h, w } = imageSizes(node, true);
    const [cells_h, cells_w] = [ceilDiv(h + padding[0], stride[0]), ceilDiv(w + padding[1], stride[1])];
    const count = n * cells_h * cells_w * spec.sizes['channels']!;
    return {
      ...spec,
      constants,
      sizes: { ...spec.sizes, count, cells_h, cells_w },
      workgroups: ceilDiv(count, WORKGROUP),
    };
  },
  avgPool2d: (node, attrs) =>
    pool(avgPool2d, node, node.inputs[0]!, node, attrs, [0], { COUNT_PAD: attrs.countIncludePad }),
  avgPool2dGrad: (node, attrs) =>
    pool(avgPool2dGrad, node, node, node.inputs[0]!, attrs, [0], { COUNT_PAD: attrs.countIncludePad }),

  upsample: (node, attrs) => resample(upsample, node, attrs),
  upsampleGrad: (node, attrs) => resample(upsampleGrad, node, attrs),

  scatterAdd(node, { axis, size }) {
    const { length, inner } = middleAxis(node.inputs[0]!, [axis]);
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
  attention: (node, attrs, views, adapter) =>
    attentionKernel(attention, node, attrs, views, adapter, { q: 0, k: 1, v: 2 }, 3),
  attentionQueryGrad: (node, attrs, views, adapter) =>
    attentionKernel(attentionQueryGrad, node, attrs, views, adapter, { q: 0, k: 1, v: 2, dy: 4 }, 5),
  attentionKeyValueGrad: (node, attrs, views, adapter) =>
    attentionKernel(attentionKeyValueGrad, node, attrs, views, adapter, { q: 0, k: 1, v: 2, dy: 3 }, 5),

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

/** How an attention kernel finds its rows: names of the operands in its Sizes, and their positions among the inputs. */
function attentionKernel(
  shader: ShaderSource,
  node: Tensor,
  { causal, scale }: AttentionAttrs,
  views: readonly View[],
  adapter: Adapter,
  rowsOf: Readonly<Record<string, number>>,
  maskPosition: number,
): KernelSpec {
  const { batch, heads, queries, keys, width } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
  const ownQueries = shader !== attentionKeyValueGrad;
  const ownRows = ownQueries ? queries : keys;
  // Four rows share what is loaded of the streamed ones, which is what counts where a load costs more than arithmetic.
  // On a GPU one row leaves more invocations, and registers for whole rows of sums.
  const rows = adapter.software && ownRows >= 4 ? 4 : 1;
  const tiles = ceilDiv(ownRows, rows);
  const count = batch * heads * tiles;
  const mask = node.inputs[maskPosition];
  const maskStride = (axis: number) =>
    !mask || mask.shape[axis] === 1 ? 0 : sizeOf(mask.shape.slice(axis + 1));
  const operands = Array.from({ length: maskPosition }, (_, i) => i);
  return {
    shader,
    libraries: [attentionCommon, rows === 4 ? quadOfFourRows : quadOfOneRow],
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

/** x seen as [outer, length, inner] around the neighbouring axes that are reduced. */
function middleAxis(x: Tensor, axes: readonly number[]): { outer: number; length: number; inner: number } {
  return {
    outer: sizeOf(x.shape.slice(0, axes[0])),
    length: sizeOf(x.shape.slice(axes[0], axes.at(-1)! + 1)),
    inner: sizeOf(x.shape.slice(axes.at(-1)! + 1)),
  };
}

/** conv2d, or with `transposed` its adjoint in the image; NHWC and HWIO. */
function convolution(node: Tensor, attrs: ConvAttrs, transposed: boolean): KernelSpec {
  const [source, weight] = node.inputs as [Tensor, Tensor];
  const { n: batch, h: inH, w: inW, c: k } = imageSizes(source, true);
  const { h: outH, w: outW, c: n } = imageSizes(node, true);
  const { kh, kw } = kernelSizes(weight, true);
  const tiled = attrs.groups === 1 && n % 4 === 0 && (!transposed || k % 4 === 0);
  if (!tiled)
    return transposed
      ? anyConvolution(node, attrs, 1, node, source, [kh, kw])
      : anyConvolution(node, attrs, 0, source, node, [kh, kw]);
  const lanesX = Math.min(8, ceilDiv(n, 8));
  const lanesY = Math.floor(WORKGROUP / lanesX);
  const pixels = batch * outH * outW;
  const tilesN = ceilDiv(n, lanesX * 8);
  return {
    shader: conv2d,
    libraries: [],
    constants: {
      SOURCE_ELEMENT: k % 4 === 0 ? 'vec4f' : 'f32',
      K_VECTOR: k % 4 === 0,
      TRANSPOSED: transposed,
      STRIDED: attrs.stride.some((s) => s > 1),
      LANES_X: lanesX,
      LANES_Y: lanesY,
    },
    sizes: {
      pixels,
      out_h: outH,
      out_w: outW,
      n,
      in_h: inH,
      in_w: inW,
      k,
      tiles_n: tilesN,
      kernel_h: kh,
      kernel_w: kw,
      ...windowSizes(attrs),
    },
    workgroups: ceilDiv(pixels, lanesY * 8) * tilesN,
    operands: [0, 1],
    epilogueWidth: 4,
  };
}

function weightGradient(
  node: Tensor,
  attrs: ConvAttrs & { readonly kernelSize: readonly [number, number] },
  parts: number,
): KernelSpec {
  const [x, dy] = node.inputs as [Tensor, Tensor];
  const { n: batch, h: inH, w: inW, c: inChannels } = imageSizes(x, true);
  const { h: outH, w: outW, c: outChannels } = imageSizes(dy, true);
  const images = batch / parts;
  if (attrs.groups !== 1 || outChannels % 4 !== 0)
    return anyConvolution(node, attrs, 2, x, dy, attrs.kernelSize, images);
  const [kh, kw] = attrs.kernelSize;
  const rows = kh * kw * inChannels;
  const lanesX = Math.min(8, ceilDiv(outChannels, 8));
  const lanesY = Math.floor(WORKGROUP / lanesX);
  const [tilesRows, tilesColumns] = [ceilDiv(rows, lanesY * 8), ceilDiv(outChannels, lanesX * 8)];
  const vector = inChannels % 4 === 0;
  return {
    shader: conv2dWeightGrad,
    libraries: [],
    constants: { X_ELEMENT: vector ? 'vec4f' : 'f32', I_VECTOR: vector, LANES_X: lanesX, LANES_Y: lanesY },
    sizes: {
      rows,
      in_channels: inChannels,
      out_channels: outChannels,
      tiles_rows: tilesRows,
      tiles_columns: tilesColumns,
      parts,
      images,
      in_h: inH,
      in_w: inW,
      out_h: outH,
      out_w: outW,
      kernel_w: kw,
      ...windowSizes(attrs),
    },
    workgroups: parts * tilesRows * tilesColumns,
    operands: [0, 1],
    epilogueWidth: 4,
  };
}

/** Any channels and groups, one element at a time. `x` is the larger image, `y` the convolved one. */
function anyConvolution(
  node: Tensor,
  attrs: ConvAttrs,
  mode: 0 | 1 | 2,
  x: Tensor,
  y: Tensor,
  [kh, kw]: readonly [number, number],
  images = 0,
): KernelSpec {
  const [inX, inY] = [imageSizes(x, true), imageSizes(y, true)];
  return {
    shader: conv2dAny,
    libraries: [],
    constants: { MODE: `${mode}u` },
    sizes: {
      count: node.size,
      x_h: inX.h,
      x_w: inX.w,
      x_channels: inX.c,
      y_h: inY.h,
      y_w: inY.w,
      y_channels: inY.c,
      kernel_h: kh,
      kernel_w: kw,
      groups: attrs.groups,
      images,
      ...windowSizes(attrs),
    },
    workgroups: ceilDiv(node.size, WORKGROUP),
    operands: [0, 1],
    epilogueWidth: 1,
  };
}

const windowSizes = ({ stride, padding, dilation }: ConvAttrs) => ({
  stride_y: stride[0],
  stride_x: stride[1],
  pad_y: padding[0],
  pad_x: padding[1],
  dilation_y: dilation[0],
  dilation_x: dilation[1],
});

/** Pools and their gradients: `image` is what windows slide over, `output` has one element per window. */
function pool(
  shader: ShaderSource,
  node: Tensor,
  image: Tensor,
  output: Tensor,
  { kernel, stride, padding }: PoolAttrs,
  operands: readonly number[],
  constants: KernelSpec['constants'] = {},
): KernelSpec {
  const { h, w, c } = imageSizes(image, true);
  const { h: outH, w: outW } = imageSizes(output, true);
  const width = widthOf(c);
  const count = node.size / width;
  return {
    shader,
    libraries: [],
    constants: { V: width === 4 ? 'vec4f' : 'f32', WIDTH: `${width}u`, ...constants },
    sizes: {
      count,
      in_h: h,
      in_w: w,
      out_h: outH,
      out_w: outW,
      channels: c / width,
      kernel_h: kernel[0],
      kernel_w: kernel[1],
      stride_y: stride[0],
      stride_x: stride[1],
      pad_y: padding[0],
      pad_x: padding[1],
    },
    workgroups: ceilDiv(count, WORKGROUP),
    operands,
    epilogueWidth: width,
  };
}

/** Upsampling and its adjoint. */
function resample(shader: ShaderSource, node: Tensor, attrs: UpsampleAttrs): KernelSpec {
  const { c } = imageSizes(node, true);
  const width = widthOf(c);
  const [vertical, horizontal] = [upsampleGrid(attrs, 0), upsampleGrid(attrs, 1)];
  const count = node.size / width;
  return {
    shader,
    libraries: [],
    constants: { V: width === 4 ? 'vec4f' : 'f32', WIDTH: `${width}u`, BILINEAR: attrs.mode === 'bilinear' },
    sizes: {
      count,
      in_h: attrs.inputSize[0],
      in_w: attrs.inputSize[1],
      out_h: attrs.outputSize[0],
      out_w: attrs.outputSize[1],
      channels: c / width,
      step_y: vertical.step,
      step_x: horizontal.step,
      start_y: vertical.start,
      start_x: horizontal.start,
      unit_y: vertical.unit,
      unit_x: horizontal.unit,
    },
    workgroups: ceilDiv(count, WORKGROUP),
    operands: [0],
    epilogueWidth: width,
  };
}
