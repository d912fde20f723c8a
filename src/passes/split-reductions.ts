import { emit, sizeOf, type Tensor } from '../graph/index.ts';
import {
  conv2dWeightGradPartsOp,
  emitSum,
  imageSizes,
  matmul,
  matmulSizes,
  reshape,
  type ConvAttrs,
  type MatmulAttrs,
} from '../ops/index.ts';
import { rewrite } from './rewrite.ts';

/** Enough independent threads to fill a GPU; below it, a long reduction is worth a second stage. */
const THREADS = 4096;
/** A thread that adds fewer elements than this gains nothing from a second stage. */
const SHORT = 256;

/**
 * Reductions of many elements into few results leave most of a GPU idle. This pass gives them a second
 * stage: partial results along a new leading axis, then an ordered sum over it (so results never depend
 * on timing). It also turns a sum over scattered axes into sums over neighbouring ones, which is all the
 * kernels know.
 */
export function splitReductions(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, inputs) => {
    switch (node.op.name) {
      case 'sum':
        return splitSum(inputs[0]!, node.attrs.axes as readonly number[]);
      case 'matmul':
        return splitMatmul(inputs[0]!, inputs[1]!, node.attrs as MatmulAttrs);
      case 'conv2dWeightGrad':
        return splitWeightGrad(node, inputs);
      default:
        return null;
    }
  });
}

function splitSum(x: Tensor, axes: readonly number[]): Tensor {
  // Neighbouring axes are one axis; the longest comes first, and leaves the least to do.
  const run = runsOf(axes).reduce((a, b) => (sizeAt(x, b) > sizeAt(x, a) ? b : a));
  const [first, last] = [run[0]!, run.at(-1)!];
  const outer = sizeOf(x.shape.slice(0, first));
  const inner = sizeOf(x.shape.slice(last + 1));
  const result = reshape(sumMiddle(x, outer, sizeAt(x, run), inner), [
    ...x.shape.slice(0, first),
    ...x.shape.slice(last + 1),
  ]);
  const rest = axes
    .filter((axis) => axis < first || axis > last)
    .map((axis) => (axis > last ? axis - run.length : axis));
  return rest.length > 0 ? splitSum(result, rest) : result;
}

const sizeAt = (x: Tensor, axes: readonly number[]) => sizeOf(axes.map((axis) => x.shape[axis]!));

/** Axes in ascending order as runs of neighbours. */
function runsOf(axes: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const axis of axes) {
    if (axis > 0 && runs.at(-1)?.at(-1) === axis - 1) runs.at(-1)!.push(axis);
    else runs.push([axis]);
  }
  return runs;
}

/** The sum over the middle axis of x seen as [outer, length, inner]: in two stages where that is long. */
function sumMiddle(x: Tensor, outer: number, length: number, inner: number): Tensor {
  // Rows (inner = 1) are summed by several lanes each, so one stage carries them further.
  const threads = outer * Math.ceil(inner / 4) * (inner === 1 ? 16 : 1);
  const parts =
    threads < THREADS && length >= (inner === 1 ? 16 : 1) * SHORT
      ? divisorNear(length, Math.sqrt(length))
      : 1;
  if (parts === 1) return emitSum(reshape(x, inner === 1 ? [outer, length] : [outer, length, inner]), [1]);
  const partial = emitSum(reshape(x, [outer, parts, length / parts, ...(inner === 1 ? [] : [inner])]), [2]);
  return emitSum(partial, [1]);
}

/** Aᵀ B over a long leading axis (a weight gradient) with a small result: a batch of products, then their sum. */
function splitMatmul(a: Tensor, b: Tensor, attrs: MatmulAttrs): Tensor | null {
  if (a.rank !== 2 || !attrs.transposeA || attrs.transposeB) return null;
  const { m, k, n } = matmulSizes(a, b, attrs);
  const threads = Math.ceil(m / 4) * Math.ceil(n / 4);
  if (threads >= THREADS / 4 || k < 512) return null;
  const parts = divisorNear(k, Math.min(k / 128, THREADS / threads));
  if (parts === 1) return null;
  return emitSum(matmul(reshape(a, [parts, k / parts, m]), reshape(b, [parts, k / parts, n]), attrs), [0]);
}

/** The weight gradient of a convolution: one part per image or few, then their sum. */
function splitWeightGrad(node: Tensor, inputs: readonly Tensor[]): Tensor {
  const { n } = imageSizes(inputs[0]!, true);
  const parts = divisorNear(n, 64);
  const partial = emit(conv2dWeightGradPartsOp, inputs, {
    ...(node.attrs as ConvAttrs & { kernelSize: [number, number] }),
    parts,
  });
  return parts === 1 ? reshape(partial, node.shape) : emitSum(partial, [0]);
}

/** The divisor of `n` closest to `target` from below (1 when there is no other). */
function divisorNear(n: number, target: number): number {
  for (let d = Math.min(n, Math.floor(target)); d > 1; d--) if (n % d === 0) return d;
  return 1;
}
