import { BYTES_PER_ELEMENT, emit, sizeOf, topologicalOrder, type Tensor } from '../graph/index.ts';
import { pad, reshape, scanFinalOp, scanOp, scanStackOp, slice, type ScanAttrs } from '../ops/index.ts';
import { rewrite } from './rewrite.ts';

/** A part of a buffer can be bound where a multiple of this many elements precedes it (256 bytes in WebGPU). */
const BINDING_UNIT = 256 / BYTES_PER_ELEMENT;

/** Elements from one slice of a stack to the next. */
const pitchOf = (shape: readonly number[]) => Math.ceil(sizeOf(shape) / BINDING_UNIT) * BINDING_UNIT;

/**
 * Make loops ready for a plan: optimise their bodies, drop carries that nothing needs, and lay out what they go
 * through and what they stack so that the slice of each step can be bound by itself.
 *
 * @param optimizeBody all passes for the graph inside
 */
export function lowerScans(
  roots: readonly Tensor[],
  optimizeBody: (roots: readonly Tensor[]) => readonly Tensor[],
): Tensor[] {
  const partsOf = new Map<Tensor, Tensor[]>();
  for (const node of topologicalOrder(roots)) {
    if (node.op.kind === 'loop') partsOf.set(node, []);
    else if (node.op.kind === 'part') partsOf.get(node.inputs[0]!)!.push(node);
  }
  const lowered = new Map<Tensor, LoweredScan>();
  /** Stacks as they lie in memory, by what the rest of the graph sees of them. */
  const padded = new Map<Tensor, Tensor>();

  return rewrite(roots, (node, inputs) => {
    if (node.op.kind === 'loop') {
      const scan = lowerScan(node, inputs, partsOf.get(node)!, padded, optimizeBody);
      lowered.set(scan.node, scan);
      return scan.node;
    }
    if (node.op.kind !== 'part') return null;
    const scan = lowered.get(inputs[0]!)!;
    if (node.op.name === 'scanFinal')
      return emit(scanFinalOp, [scan.node], { index: scan.carries.indexOf(node.attrs.index as number) });
    const inside = node.attrs.node as Tensor;
    const size = sizeOf(inside.shape);
    const optimized = scan.stacked.get(inside)!;
    const pitch = pitchOf(inside.shape);
    if (pitch === size) return emit(scanStackOp, [scan.node], { node: optimized });
    const rows = emit(scanStackOp, [scan.node], { node: optimized, pitch });
    const seen = reshape(slice(rows, [null, [0, size]]), node.shape);
    padded.set(seen, rows);
    return seen;
  });
}

interface LoweredScan {
  readonly node: Tensor;
  /** The carries that are left, by their old numbers. */
  readonly carries: readonly number[];
  /** The optimised node for each stacked one. */
  readonly stacked: ReadonlyMap<Tensor, Tensor>;
}

function lowerScan(
  node: Tensor,
  inputs: readonly Tensor[],
  parts: readonly Tensor[],
  padded: ReadonlyMap<Tensor, Tensor>,
  optimizeBody: (roots: readonly Tensor[]) => readonly Tensor[],
): LoweredScan {
  const { steps, reverse, carryIn, xIn, captureIn, carryOut } = node.attrs as ScanAttrs;
  const stacks = [
    ...new Set(parts.flatMap((p) => (p.op.name === 'scanStack' ? [p.attrs.node as Tensor] : []))),
  ];
  const finals = parts.flatMap((p) => (p.op.name === 'scanFinal' ? [p.attrs.index as number] : []));
  const carries = liveCarries(carryIn, carryOut, stacks, finals);
  const roots = optimizeBody([...carries.map((i) => carryOut[i]!), ...stacks]);
  const used = new Set(topologicalOrder(roots));
  const [xs, captures] = [xIn, captureIn].map((list) =>
    list.flatMap((inside, i) => (used.has(inside) ? [i] : [])),
  );
  const pick = (list: readonly Tensor[], which: readonly number[]) => which.map((i) => list[i]!);
  const outside = {
    carries: pick(inputs, carries),
    xs: pick(inputs.slice(carryIn.length), xs!).map((x) => sliced(x, padded)),
    captures: pick(inputs.slice(carryIn.length + xIn.length), captures!),
  };
  const attrs: ScanAttrs = {
    steps,
    reverse,
    carryIn: pick(carryIn, carries),
    xIn: pick(xIn, xs!),
    captureIn: pick(captureIn, captures!),
    carryOut: roots.slice(0, carries.length),
  };
  return {
    node: emit(scanOp, [...outside.carries, ...outside.xs, ...outside.captures], attrs),
    carries,
    stacked: new Map(stacks.map((stack, i) => [stack, roots[carries.length + i]!])),
  };
}

/** Carries whose last value somebody reads, or that others of that kind or a stacked value depend on. */
function liveCarries(
  carryIn: readonly Tensor[],
  carryOut: readonly Tensor[],
  stacks: readonly Tensor[],
  finals: readonly number[],
): number[] {
  const live = new Set<number>(finals);
  for (let before = -1; before !== live.size; ) {
    before = live.size;
    const needed = new Set(topologicalOrder([...stacks, ...[...live].map((i) => carryOut[i]!)]));
    carryIn.forEach((inside, i) => needed.has(inside) && live.add(i));
  }
  return [...live].sort((a, b) => a - b);
}

/** `x` [steps, ...] as rows of which each can be bound by itself. */
function sliced(x: Tensor, padded: ReadonlyMap<Tensor, Tensor>): Tensor {
  const rows = padded.get(x);
  if (rows) return rows;
  const row = x.shape.slice(1);
  const [size, pitch] = [sizeOf(row), pitchOf(row)];
  if (size === pitch) return x;
  return pad(reshape(x, [x.shape[0]!, size]), [
    [0, 0],
    [0, pitch - size],
  ]);
}
