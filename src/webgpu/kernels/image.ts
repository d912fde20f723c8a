import avgPool2d from '../../../shaders/avg_pool2d.wgsl';
import avgPool2dGrad from '../../../shaders/avg_pool2d_grad.wgsl';
import conv2d from '../../../shaders/conv2d.wgsl';
import conv2dAny from '../../../shaders/conv2d_any.wgsl';
import conv2dQuad from '../../../shaders/conv2d_quad.wgsl';
import conv2dWeightGrad from '../../../shaders/conv2d_weight_grad.wgsl';
import conv2dWeightGradQuad from '../../../shaders/conv2d_weight_grad_quad.wgsl';
import convOperands from '../../../shaders/lib/conv_operands.wgsl';
import quadSwap from '../../../shaders/lib/quad_swap.wgsl';
import weightGradRows from '../../../shaders/lib/weight_grad_rows.wgsl';
import maxPool2d from '../../../shaders/max_pool2d.wgsl';
import maxPool2dGrad from '../../../shaders/max_pool2d_grad.wgsl';
import maxPool2dGradCells from '../../../shaders/max_pool2d_grad_cells.wgsl';
import upsample from '../../../shaders/upsample.wgsl';
import upsampleGrad from '../../../shaders/upsample_grad.wgsl';
import type { Tensor } from '../../graph/index.ts';
import {
  imageSizes,
  kernelSizes,
  upsampleGrid,
  type ConvAttrs,
  type PoolAttrs,
  type UpsampleAttrs,
} from '../../ops/index.ts';
import {
  ceilDiv,
  prefersQuads,
  widthOf,
  WORKGROUP,
  type KernelSpec,
  type KernelTable,
  type ShaderSource,
} from './spec.ts';

/** Ops on images: NHWC, kernels HWIO. */
export const imageKernels: KernelTable<
  | 'conv2d'
  | 'convTranspose2d'
  | 'conv2dWeightGrad'
  | 'conv2dWeightGradParts'
  | 'maxPool2d'
  | 'maxPool2dPick'
  | 'maxPool2dGrad'
  | 'avgPool2d'
  | 'avgPool2dGrad'
  | 'upsample'
  | 'upsampleGrad'
> = {
  conv2d: (node, attrs, _, adapter) => convolution(node, attrs, prefersQuads(adapter), false),
  convTranspose2d: (node, attrs, _, adapter) => convolution(node, attrs, prefersQuads(adapter), true),
  conv2dWeightGrad: (node, attrs, _, adapter) => weightGradient(node, attrs, prefersQuads(adapter), 1),
  conv2dWeightGradParts: (node, attrs, _, adapter) =>
    weightGradient(node, attrs, prefersQuads(adapter), attrs.parts),

  maxPool2d: (node, attrs) =>
    withConstantWindow(pool(maxPool2d, node, node.inputs[0]!, node, attrs, [0, 0], { SAME: true })),
  maxPool2dPick: (node, attrs) =>
    withConstantWindow(pool(maxPool2d, node, node.inputs[0]!, node, attrs, [0, 1], { SAME: false })),
  maxPool2dGrad(node, attrs) {
    const output = node.inputs[1]!;
    const { kernel, stride, padding } = attrs;
    if (stride[0] < kernel[0] || stride[1] < kernel[1])
      return pool(maxPool2dGrad, node, node, output, attrs, [0, 1]);
    const spec = withConstantWindow(pool(maxPool2dGradCells, node, node, output, attrs, [0, 1]));
    const { stride_y: cellH, stride_x: cellW, ...sizes } = spec.sizes;
    const I = spec.epilogueWidth === 4 ? 'vec4i' : 'i32';
    const { n, h, w } = imageSizes(node, true);
    const [cells_h, cells_w] = [ceilDiv(h + padding[0], stride[0]), ceilDiv(w + padding[1], stride[1])];
    const count = n * cells_h * cells_w * sizes['channels']!;
    return {
      ...spec,
      constants: { ...spec.constants, I, CELL_H: cellH!, CELL_W: cellW! },
      sizes: { ...sizes, count, cells_h, cells_w },
      workgroups: ceilDiv(count, WORKGROUP),
    };
  },
  avgPool2d: (node, attrs) =>
    pool(avgPool2d, node, node.inputs[0]!, node, attrs, [0], { COUNT_PAD: attrs.countIncludePad }),
  avgPool2dGrad: (node, attrs) =>
    pool(avgPool2dGrad, node, node, node.inputs[0]!, attrs, [0], { COUNT_PAD: attrs.countIncludePad }),

  upsample: (node, attrs) => resample(upsample, node, attrs),
  upsampleGrad: (node, attrs) => resample(upsampleGrad, node, attrs),
};

/** How many invocations, of 8 results each, lie side by side over so many channels; quads are two wide. */
const lanesOver = (channels: number, quads: boolean) =>
  quads ? Math.min(8, 2 * ceilDiv(channels, 16)) : Math.min(8, ceilDiv(channels, 8));

/** A quad covers 16 channels. */
const suitsQuads = (channels: number) => channels > 8;

/**
 * conv2d, or with `transposed` its adjoint in the image; NHWC and HWIO.
 *
 * @param mayUseQuads where there are enough channels
 */
function convolution(node: Tensor, attrs: ConvAttrs, mayUseQuads: boolean, transposed: boolean): KernelSpec {
  const [source, weight] = node.inputs as [Tensor, Tensor];
  const { n: batch, h: inH, w: inW, c: k } = imageSizes(source, true);
  const { h: outH, w: outW, c: n } = imageSizes(node, true);
  const { kh, kw } = kernelSizes(weight, true);
  const tiled = attrs.groups === 1 && n % 4 === 0 && (!transposed || k % 4 === 0);
  if (!tiled)
    return transposed
      ? anyConvolution(node, attrs, 1, node, source, [kh, kw])
      : anyConvolution(node, attrs, 0, source, node, [kh, kw]);
  const quads = mayUseQuads && suitsQuads(n);
  const lanesX = lanesOver(n, quads);
  const lanesY = Math.floor(WORKGROUP / lanesX);
  const pixels = batch * outH * outW;
  const tilesN = ceilDiv(n, lanesX * 8);
  return {
    shader: quads ? conv2dQuad : conv2d,
    libraries: quads ? [convOperands, quadSwap] : [convOperands],
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
  mayUseQuads: boolean,
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
  const quads = mayUseQuads && suitsQuads(outChannels);
  const lanesX = lanesOver(outChannels, quads);
  const lanesY = Math.floor(WORKGROUP / lanesX);
  const [tilesRows, tilesColumns] = [ceilDiv(rows, lanesY * 8), ceilDiv(outChannels, lanesX * 8)];
  const vector = inChannels % 4 === 0;
  return {
    shader: quads ? conv2dWeightGradQuad : conv2dWeightGrad,
    libraries: [weightGradRows],
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

/** The extent of windows as constants: compilers can then unroll loops over them. */
function withConstantWindow(spec: KernelSpec): KernelSpec {
  const { kernel_h: kernelH, kernel_w: kernelW, ...sizes } = spec.sizes;
  return { ...spec, sizes, constants: { ...spec.constants, KERNEL_H: kernelH!, KERNEL_W: kernelW! } };
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
