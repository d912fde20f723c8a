import { BYTES_PER_ELEMENT, sizeOf, Tensor } from '../graph/index.ts';
import {
  attentionSizes,
  kernelSizes,
  matmulSizes,
  type AttentionAttrs,
  type ConvAttrs,
  type MatmulAttrs,
  type PoolAttrs,
} from '../ops/index.ts';
import type { IndexedName, KernelName, PointwiseName, PrimitiveAttrs } from '../ops/primitives.ts';
import { nodesOf, type Kernel } from './kernel.ts';
import type { Plan } from './plan.ts';
import { collapse, type View } from './view.ts';

/** What a kernel has to do at least, whatever its tiles: arithmetic, and memory that it reads and writes. */
export interface Cost {
  /** Additions, multiplications, comparisons and function calls on elements; a multiply-add is two. */
  readonly flops: number;
  /** Bytes of the elements that it reads and writes, each counted once, however often invocations load it. */
  readonly bytes: number;
}

/** Operations per element of the result, where that is not one. Moving, selecting and converting an element is none. */
const PER_ELEMENT: { readonly [Name in PointwiseName | IndexedName | 'fill']?: number } = {
  sigmoid: 3, // 1 / (1 + exp(−x))
  softplus: 3, // max(x, 0) + log(1 + exp(−|x|))
  leakyRelu: 2,
  copy: 0,
  assign: 0,
  detach: 0,
  customVjp: 0,
  cast: 0,
  where: 0,
  fill: 0,
  iota: 0,
  pad: 0,
  concat: 0,
  gather: 0,
  embedding: 0,
  random: 0,
};

type Flops<Attrs> = (node: Tensor, attrs: Attrs) => number;

const perInput = ({ inputs: [x] }: Tensor) => x!.size;

/** A multiply-add for every pixel of the smaller image, every tap and every pair of channels of a group. */
const convolution = (smaller: Tensor, { kh, kw }: { kh: number; kw: number }, otherChannels: number) =>
  2 * smaller.size * kh * kw * otherChannels;

const weightGradient: Flops<ConvAttrs & { readonly kernelSize: readonly [number, number] }> = (
  { inputs: [x, dy] },
  { kernelSize: [kh, kw], groups, channelsLast },
) => convolution(dy!, { kh, kw }, x!.shape[channelsLast ? 3 : 1]! / groups);

/** Every window once. */
const windows = ({ size }: Tensor, { kernel: [kh, kw] }: PoolAttrs) => size * kh * kw;

/** @param products dot products, or rows added up, for each pair of a query and a key that it may see */
const attention =
  (products: number): Flops<AttentionAttrs> =>
  ({ inputs: [q, k] }, { causal }) => {
    const { batch, heads, queries, keys, width } = attentionSizes(q!, k!);
    const seen = Math.min(queries, keys);
    // query i sees keys 0 .. i
    const pairs = causal ? (seen * (seen + 1)) / 2 + (queries - seen) * keys : queries * keys;
    return batch * heads * pairs * (2 * products * width + SOFTMAX);
  };
/** Scale, subtract, exp and accumulate. */
const SOFTMAX = 4;

/** Operations of each op that has a kernel file. */
const PER_KERNEL: { readonly [Name in KernelName]: Flops<PrimitiveAttrs[Name]> } = {
  sum: perInput,
  max: perInput,
  argmax: perInput,
  matmul: (node, attrs: MatmulAttrs) =>
    2 * node.size * matmulSizes(node.inputs[0]!, node.inputs[1]!, attrs).k,
  conv2d(node, { channelsLast }) {
    const sizes = kernelSizes(node.inputs[1]!, channelsLast);
    return convolution(node, sizes, sizes.i);
  },
  convTranspose2d({ inputs: [dy, weight] }, { channelsLast }) {
    const sizes = kernelSizes(weight!, channelsLast);
    return convolution(dy!, sizes, sizes.i);
  },
  conv2dWeightGrad: weightGradient,
  conv2dWeightGradParts: weightGradient,
  maxPool2d: windows,
  maxPool2dGrad: ({ inputs: [, dy] }, attrs) => windows(dy!, attrs),
  maxPool2dPick: windows,
  avgPool2d: windows,
  avgPool2dGrad: ({ inputs: [dy] }, attrs) => windows(dy!, attrs),
  upsample: (node, { mode }) => node.size * (mode === 'bilinear' ? 8 : 0), // four taps
  upsampleGrad: ({ inputs: [dy] }, { mode }) => dy!.size * (mode === 'bilinear' ? 8 : 1),
  scatterAdd: ({ inputs: [, source] }) => source!.size,
  embeddingGrad: ({ inputs: [, dy] }) => dy!.size,
  attention: attention(2), // q kᵀ, p v
  attentionQueryGrad: attention(3), // q kᵀ, dy vᵀ, ds k
  attentionKeyValueGrad: attention(4), // q kᵀ, dy vᵀ, pᵀ dy, dsᵀ q
};

/** What one run of `kernel` costs; of a loop, all its steps. */
export function costOf(kernel: Kernel, plan: Pick<Plan, 'views' | 'loops'>): Cost {
  const loop = plan.loops.get(kernel);
  if (loop) {
    const { flops, bytes } = costOfPlan(loop.body);
    return { flops: loop.steps * flops, bytes: loop.steps * bytes };
  }
  const nodes = nodesOf(kernel);
  return { flops: total(nodes.map(flopsOf)), bytes: bytesOf(nodes, kernel, plan) };
}

/** What one step costs. */
export const costOfPlan = (plan: Plan): Cost => addCosts(plan.kernels.map((kernel) => costOf(kernel, plan)));

export const addCosts = (costs: readonly Cost[]): Cost => ({
  flops: total(costs.map(({ flops }) => flops)),
  bytes: total(costs.map(({ bytes }) => bytes)),
});

const total = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

function flopsOf(node: Tensor): number {
  const { name, kind } = node.op;
  if (kind === 'kernel' || kind === 'reduction')
    return (PER_KERNEL[name as KernelName] as Flops<unknown>)(node, node.attrs);
  return node.size * (PER_ELEMENT[name as keyof typeof PER_ELEMENT] ?? 1);
}

function bytesOf(nodes: readonly Tensor[], { stores }: Kernel, { views }: Pick<Plan, 'views'>): number {
  const inside = new Set(nodes);
  /** Elements read of each buffer, by where the view of it begins. */
  const read = new Map<Tensor, Map<number, number>>();
  for (const node of nodes) {
    node.inputs.forEach((input, position) => {
      const view = views.get(input)!;
      const { base, offset } = view;
      if (inside.has(base) || base.op.name === 'fill') return;
      const parts = read.get(base) ?? new Map<number, number>();
      read.set(base, parts.set(offset, Math.max(parts.get(offset) ?? 0, elementsRead(node, position, view))));
    });
  }
  // Views of one buffer may overlap, but no kernel has to read more than all of it.
  const reads = [...read].map(([base, parts]) => Math.min(base.size, total([...parts.values()])));
  return BYTES_PER_ELEMENT * total([...reads, ...stores.map(({ size }) => size)]);
}

/** Different elements that `node` reads of its input: what is broadcast counts once, of a table only the rows taken. */
function elementsRead(node: Tensor, position: number, { shape, strides }: View): number {
  const elements = sizeOf(collapse(shape, strides).map(({ size, stride }) => (stride === 0 ? 1 : size)));
  const picks = position === 0 && (node.op.name === 'gather' || node.op.name === 'embedding');
  return picks ? Math.min(elements, node.size) : elements;
}

/** `1.23 M`: three digits and a decimal prefix, for FLOP, B and the like. */
export function withPrefix(value: number): string {
  const PREFIXES = ['', 'k', 'M', 'G', 'T'];
  const step = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), PREFIXES.length - 1);
  return `${Number((value / 1000 ** step).toPrecision(3))} ${PREFIXES[step]}`;
}

/** `51.4 MFLOP, 1.34 MB`. */
export const formatCost = ({ flops, bytes }: Cost): string =>
  `${withPrefix(flops)}FLOP, ${withPrefix(bytes)}B`;
