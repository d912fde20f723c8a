import { isIdentityPermutation, sameShape, type Tensor } from '../graph/index.ts';
import { broadcast, fill, permute, reshape, slice } from '../ops/index.ts';
import { rewrite } from './rewrite.ts';

/** Scalar meaning of the ops that constant folding evaluates. */
const EVALUATE: Readonly<Record<string, (...args: number[]) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  add: (a, b) => a! + b!,
  sub: (a, b) => a! - b!,
  mul: (a, b) => a! * b!,
  div: (a, b) => a! / b!,
  pow: Math.pow,
  maximum: Math.max,
  minimum: Math.min,
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a! < b!),
  le: (a, b) => Number(a! <= b!),
  gt: (a, b) => Number(a! > b!),
  ge: (a, b) => Number(a! >= b!),
  where: (condition, a, b) => (condition ? a! : b!),
};

const isFill = (node: Tensor, value?: number) =>
  node.op.name === 'fill' && (value === undefined || node.attrs.value === value);

/**
 * Constant folding (of tensors whose elements are all equal), neutral elements, reductions of single elements, ops that only gradients see, and
 * views of views. Never folds x · 0: x may be NaN or infinite.
 */
export function simplify(roots: readonly Tensor[]): Tensor[] {
  return rewrite(
    roots,
    (node, inputs) => foldConstants(node, inputs) ?? dropNeutral(node, inputs) ?? mergeViews(node, inputs),
  );
}

function foldConstants(node: Tensor, inputs: readonly Tensor[]): Tensor | null {
  if (inputs.length === 0 || !inputs.every((input) => isFill(input))) return null;
  const values = inputs.map((input) => input.attrs.value as number);
  if (node.op.kind === 'view') return fill(values[0]!, node.shape, node.dtype);
  let value: number | undefined;
  if (node.op.name === 'sum') value = values[0]! * (inputs[0]!.size / node.size);
  else if (node.op.name === 'max') value = values[0]!;
  else if (inputs.every((input) => input.dtype === 'f32') || node.op.name === 'where')
    value = EVALUATE[node.op.name]?.(...values);
  // An overflow or a NaN is left to the device, which has its own way with it.
  return value !== undefined && Number.isFinite(Math.fround(value))
    ? fill(value, node.shape, node.dtype)
    : null;
}

function dropNeutral(node: Tensor, inputs: readonly Tensor[]): Tensor | null {
  const [a, b] = inputs as [Tensor, Tensor];
  switch (node.op.name) {
    case 'detach':
    case 'customVjp':
      return a;
    case 'add':
      return isFill(b, 0) ? a : isFill(a, 0) ? b : null;
    case 'sub':
      return isFill(b, 0) ? a : null;
    case 'mul':
      return isFill(b, 1) ? a : isFill(a, 1) ? b : null;
    case 'div':
      return isFill(b, 1) ? a : null;
    case 'sum':
    case 'max':
      return a.size === node.size ? reshape(a, node.shape) : null;
    case 'neg':
      return a.op.name === 'neg' ? a.inputs[0]! : null;
    case 'cast':
      return a.dtype === node.dtype ? a : null;
    default:
      return null;
  }
}

function mergeViews(node: Tensor, [x]: readonly Tensor[]): Tensor | null {
  switch (node.op.name) {
    case 'reshape':
      if (x!.op.name === 'reshape') return reshape(x!.inputs[0]!, node.shape);
      return sameShape(x!.shape, node.shape) ? x! : null;
    case 'slice':
      return x!.op.name === 'pad' ? sliceOfPadded(node, x!) : null;
    case 'broadcast':
      if (x!.op.name === 'broadcast') return broadcast(x!.inputs[0]!, node.shape);
      return sameShape(x!.shape, node.shape) ? x! : null;
    case 'permute': {
      const perm = node.attrs.perm as readonly number[];
      if (x!.op.name === 'permute') {
        const inner = x!.attrs.perm as readonly number[];
        return permute(
          x!.inputs[0]!,
          perm.map((axis) => inner[axis]!),
        );
      }
      // Moving only axes of size 1 leaves the elements where they are.
      const moved = perm.filter((axis) => x!.shape[axis] !== 1);
      return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!) || isIdentityPermutation(perm)
        ? reshape(x!, node.shape)
        : null;
    }
    default:
      return null;
  }
}

/** A slice that takes nothing of what a pad has added is one of the pad's input: what the gradient of a slice leaves behind. */
function sliceOfPadded(node: Tensor, padded: Tensor): Tensor | null {
  const [x] = padded.inputs as [Tensor];
  const pads = padded.attrs.pads as readonly (readonly [number, number, number])[];
  const { starts, ends, steps } = node.attrs as Record<'starts' | 'ends' | 'steps', readonly number[]>;
  const isInside = pads.every(
    ([before, , between], axis) =>
      between === 0 && starts[axis]! >= before && ends[axis]! <= before + x.shape[axis]!,
  );
  if (!isInside) return null;
  const ranges = pads.map(
    ([before], axis) => [starts[axis]! - before, ends[axis]! - before, steps[axis]!] as const,
  );
  return slice(x, ranges);
}
