import { BYTES_PER_ELEMENT, emit, formatShape, Parameter, Tensor } from '../graph/index.ts';
import { copyOp, type ScanAttrs } from '../ops/index.ts';
import { allocate, type Lifetime } from './allocate.ts';
import { alignUpdates, updatesBesideReads, type Block } from './blocks.ts';
import { fuse, racingUpdates } from './fuse.ts';
import { joinLines } from './join-lines.ts';
import { joinMoves } from './join-moves.ts';
import { describeKernel, readsOf, type Kernel, type KernelLimits } from './kernel.ts';
import { prepare, type Prepared } from './prepare.ts';
import { schedule } from './schedule.ts';
import { sideBySide } from './side-by-side.ts';
import type { StorageOrder } from './view.ts';

/** Buffers are padded to this, so that kernels may touch whole vec4s. */
export const BUFFER_ALIGNMENT = 16;

/** Bytes of a buffer that holds `node`. */
export const paddedBytes = (node: Tensor) =>
  Math.ceil((node.size * BYTES_PER_ELEMENT) / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT;

/** Memory of a loop's own: passes values from kernel to kernel within a step, or a carry from step to step. */
export interface Scratch {
  readonly bytes: number;
}

/** A scan: the plan of its body, and where the body finds and leaves its values. */
export interface Loop {
  readonly steps: number;
  readonly reverse: boolean;
  /** Its outputs are the next carries, then what is stacked; its slots are this loop's `slots`. */
  readonly body: Plan;
  readonly slots: readonly Scratch[];
  readonly carries: readonly LoopCarry[];
  /** What the body reads besides carries: with `pitch`, at t · pitch bytes of `outside`. */
  readonly inputs: readonly { readonly inside: Tensor; readonly outside: Tensor; readonly pitch: number }[];
  /** What the body leaves at t · pitch bytes of each of `parts`. */
  readonly stacks: readonly { readonly inside: Tensor; readonly part: Tensor; readonly pitch: number }[];
}

/** A carry alternates between two places, so that no kernel reads what another one of its step overwrites. */
export interface LoopCarry {
  readonly inside: Tensor;
  readonly initial: Tensor;
  readonly next: Tensor;
  /** Where the last step leaves it, and every second one before. */
  readonly last: Tensor | Scratch;
  readonly other: Scratch;
}

/** Kernels in order and a slot for every value that passes between them. */
export interface Plan extends Prepared {
  readonly kernels: readonly Kernel[];
  /** The kernels that run in the dispatch of the one before them. */
  readonly beside: ReadonlySet<Kernel>;
  /** The kernels that are loops. */
  readonly loops: ReadonlyMap<Kernel, Loop>;
  /** The values that share a slot, each with its block. */
  readonly blockOf: ReadonlyMap<Tensor, Block>;
  /** Slot of each stored node that is not in a block, not a parameter's next value and has no place given from outside. */
  readonly slotOf: ReadonlyMap<Tensor | Scratch, number>;
  /** Bytes of each slot. */
  readonly slots: readonly number[];
}

/**
 * Turn an optimised graph into a plan.
 *
 * @param storage the axis order in which parameters are stored
 */
export function makePlan(
  outputs: readonly Tensor[],
  updates: readonly (readonly [Parameter, Tensor])[],
  storage: StorageOrder,
  limits: KernelLimits,
): Plan {
  return planWithin(outputs, updates, storage, limits, false);
}

/** @param placed the outputs have their places outside */
function planWithin(
  outputs: readonly Tensor[],
  updates: readonly (readonly [Parameter, Tensor])[],
  storage: StorageOrder,
  limits: KernelLimits,
  placed: boolean,
): Plan {
  const { placeOf = () => undefined } = limits;
  // An update is computed in place where nothing else then needs the old value; the others get a copy.
  const separate = new Set<Parameter>();
  for (;;) {
    const prepared = prepare(outputs, updates, storage, separate);
    const fused = joinLines(fuse(prepared, limits), prepared, limits);
    const kernels = joinMoves(fused, prepared, limits);
    const racing = kernels.flatMap((kernel) => [
      ...racingUpdates(kernel, prepared),
      ...updatesBesideReads(kernel, prepared, placeOf),
    ]);
    const scheduled = racing.length > 0 ? { blocked: racing } : schedule(kernels, prepared);
    if ('order' in scheduled) {
      const loops = new Map(
        scheduled.order.flatMap((kernel) =>
          kernel.anchor?.op.kind === 'loop'
            ? [[kernel, planLoop(kernel, prepared, storage, limits)] as const]
            : [],
        ),
      );
      const elsewhere = placed ? new Set(prepared.outputs) : new Set<Tensor>();
      const {
        kernels: others,
        aligned,
        blocks,
      } = alignUpdates(scheduled.order, prepared, placeOf, paddedBytes);
      const blockOf = new Map(
        blocks.flatMap((block) => [...block.offsets.keys()].map((node) => [node, block] as const)),
      );
      // The few kernels of a loop's body depend on each other.
      const grouped = placed
        ? { kernels: others, beside: new Set<Kernel>() }
        : sideBySide(others, { ...prepared, loops, blockOf }, limits);
      const order = {
        ...prepared,
        kernels: [...grouped.kernels, ...aligned],
        beside: grouped.beside,
        loops,
        blockOf,
      };
      return { ...order, ...assignSlots(order, elsewhere, blocks) };
    }
    const before = separate.size;
    for (const parameter of scheduled.blocked) separate.add(parameter);
    if (separate.size === before)
      throw new Error('makePlan: a schedule remains impossible with all updates separate');
  }
}

function planLoop(
  { anchor, stores }: Kernel,
  { views }: Prepared,
  storage: StorageOrder,
  limits: KernelLimits,
): Loop {
  const { steps, reverse, carryIn, xIn, captureIn, carryOut } = anchor!.attrs as ScanAttrs;
  const stacked = stores.filter((part) => part.op.name === 'scanStack');
  const results = [...carryOut, ...stacked.map(({ attrs }) => attrs.node as Tensor)];
  // A result that goes to two places is stored twice.
  const separate = results.map((node, i) => (results.indexOf(node) < i ? emit(copyOp, [node], {}) : node));
  const body = planWithin(separate, [], storage, limits, true);
  const outside = anchor!.inputs.map((input) => views.get(input)!.base);
  const carries = carryIn.map((inside, i): LoopCarry => {
    const bytes = paddedBytes(inside);
    const final = stores.find((part) => part.op.name === 'scanFinal' && part.attrs.index === i);
    return {
      inside,
      initial: outside[i]!,
      next: body.outputs[i]!,
      last: final ?? { bytes },
      other: { bytes },
    };
  });
  const inputs = [...xIn, ...captureIn].map((inside, i) => {
    const at = carryIn.length + i;
    const pitch = i < xIn.length ? (anchor!.inputs[at]!.size / steps) * BYTES_PER_ELEMENT : 0;
    return { inside, outside: outside[at]!, pitch };
  });
  const stacks = stacked.map((part, i) => ({
    inside: body.outputs[carryIn.length + i]!,
    part,
    pitch: (part.size / steps) * BYTES_PER_ELEMENT,
  }));
  return { steps, reverse, body, slots: body.slots.map((bytes) => ({ bytes })), carries, inputs, stacks };
}

function assignSlots(
  { kernels, beside, views, outputs, updates, loops }: Omit<Plan, 'slots' | 'slotOf'>,
  elsewhere: ReadonlySet<Tensor>,
  blocks: readonly Block[],
) {
  const first = new Map<Tensor, number>();
  const last = new Map<Tensor, number>();
  const scratch: Lifetime<Scratch>[] = [];
  dispatchesOf({ kernels, beside }).forEach((together, i) => {
    for (const kernel of together) {
      for (const node of kernel.stores) if (!updates.has(node) && !elsewhere.has(node)) first.set(node, i);
      for (const node of [...readsOf(kernel, views), ...kernel.stores]) last.set(node, i);
      for (const value of scratchOf(loops.get(kernel)))
        scratch.push({ value, bytes: value.bytes, first: i, last: i });
    }
  });
  for (const node of outputs) last.set(node, kernels.length);
  const inBlocks = blocks.map((block): Lifetime<Scratch> => {
    const members = [...block.offsets.keys()];
    const from = Math.min(...members.map((node) => first.get(node)!));
    const to = Math.max(...members.map((node) => last.get(node)!));
    for (const node of members) first.delete(node);
    return { value: block, bytes: block.bytes, first: from, last: to };
  });
  return allocate<Tensor | Scratch>([
    ...inBlocks,
    ...[...first].map(([value, i]) => ({
      value,
      bytes: paddedBytes(value),
      first: i,
      last: last.get(value)!,
    })),
    ...scratch,
  ]);
}

/** What a loop needs while it runs and only then. */
function scratchOf(loop: Loop | undefined): Scratch[] {
  if (!loop) return [];
  const isScratch = (place: Tensor | Scratch): place is Scratch => !(place instanceof Tensor);
  const places = loop.carries.flatMap(({ last, other }) => (loop.steps > 1 ? [last, other] : [last]));
  return [...loop.slots, ...places.filter(isScratch)];
}

/** What is said of a kernel at the end of its line. */
export type Note = (kernel: Kernel, plan: Plan) => string;

/** The plan as text: one line per kernel with what it computes, reads and writes. */
export function printPlan(plan: Plan, note: Note = () => ''): string {
  const total = plan.slots.reduce((sum, bytes) => sum + bytes, 0);
  const summary = `${countDispatches(plan)} dispatches, ${plan.slots.length} slots of ${total} bytes`;
  return [...printKernels(plan, note), summary].join('\n');
}

/** The kernels of each dispatch; a loop stands for its own. */
export function dispatchesOf({ kernels, beside }: Pick<Plan, 'kernels' | 'beside'>): Kernel[][] {
  const dispatches: Kernel[][] = [];
  for (const kernel of kernels) {
    if (beside.has(kernel)) dispatches.at(-1)!.push(kernel);
    else dispatches.push([kernel]);
  }
  return dispatches;
}

/** Dispatches of one step, loops run out. */
export function countDispatches(plan: Plan): number {
  return dispatchesOf(plan).reduce((sum, [kernel]) => {
    const loop = plan.loops.get(kernel!);
    return sum + (loop ? loop.steps * countDispatches(loop.body) : 1);
  }, 0);
}

function printKernels(plan: Plan, note: Note): string[] {
  const { kernels, loops, views, updates, slotOf, blockOf } = plan;
  const place = (node: Tensor) => {
    if (node instanceof Parameter) return node.label;
    const parameter = updates.get(node);
    if (parameter) return parameter.label;
    const block = blockOf.get(node);
    if (block) return `s${slotOf.get(block)}+${block.offsets.get(node)}`;
    return slotOf.has(node) ? `s${slotOf.get(node)}` : (node.attrs.name ?? node.op.name);
  };
  return kernels.flatMap((kernel, i) => {
    const reads = readsOf(kernel, views).map((node) => `${place(node)}${formatShape(node.shape)}`);
    const stores = kernel.stores.map((node) => `${place(node)}${formatShape(node.shape)}`);
    const loop = loops.get(kernel);
    const name = loop ? `scan of ${loop.steps} steps` : describeKernel(kernel);
    const number = plan.beside.has(kernel) ? `${i} beside ${i - 1}` : i;
    const line = `${number}: ${name}(${reads.join(', ')}) -> ${stores.join(', ')}${note(kernel, plan)}`;
    return loop ? [line, ...printKernels(loop.body, note).map((inner) => `   ${inner}`)] : [line];
  });
}
