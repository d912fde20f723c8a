import {
  ArgumentError,
  ChainruleError,
  defineOp,
  DTypeError,
  emit,
  formatShape,
  sameShape,
  ShapeError,
  substitute,
  Tensor,
  topologicalOrder,
  tryCurrentTrace,
  withTrace,
  type DType,
  type Shape,
} from '../graph/index.ts';
import { broadcast } from './broadcast.ts';
import { embeddingOp } from './gather.ts';
import { requireLengths } from './lengths.ts';
import { matmul, matmulOp, type MatmulAttrs } from './matmul.ts';
import { add, cast, lt, mul, where } from './pointwise.ts';
import { pullback, type PartCotangent } from './pullback.ts';
import { iota, zerosLike } from './source.ts';
import { reshape } from './view.ts';

/** Tensors in arrays and records, nested as you like. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree };

/** A value that the surrounding loop gives to its body: a carry, a slice of an input, or a tensor from outside. */
export const placeholderOp = defineOp<'placeholder', { shape: Shape; dtype: DType }>({
  name: 'placeholder',
  kind: 'source',
  shape: (_, { shape }) => shape,
  dtype: (_, { dtype }) => dtype,
  vjp: null,
});

const placeholder = ({ dtype }: Tensor, shape: Shape) => emit(placeholderOp, [], { shape, dtype });

/** A body that runs `steps` times. The inputs of the node are initial carries, inputs and captured tensors, in this order. */
export interface ScanAttrs {
  readonly steps: number;
  /** Goes through the inputs from the last slice to the first. */
  readonly reverse: boolean;
  /** Placeholders of the body. */
  readonly carryIn: readonly Tensor[];
  readonly xIn: readonly Tensor[];
  readonly captureIn: readonly Tensor[];
  /** The next carries, computed from the placeholders. */
  readonly carryOut: readonly Tensor[];
}

/** Parts take their gradients to the loop in `vjpOfParts`; a rule that is not null says that they have one. */
const throughParts = () => [];

/** The loop itself. Its results are the nodes `scanFinal` and `scanStack`. */
export const scanOp = defineOp<'scan', ScanAttrs>({
  name: 'scan',
  kind: 'loop',
  shape: () => [],
  dtype: () => 'f32',
  vjp: throughParts,
  vjpOfParts: scanVjp,
});

/** Carry `index` after the last step. */
export const scanFinalOp = defineOp<'scanFinal', { index: number }>({
  name: 'scanFinal',
  kind: 'part',
  shape: ([scan], { index }) => (scan!.attrs as ScanAttrs).carryOut[index]!.shape,
  dtype: ([scan], { index }) => (scan!.attrs as ScanAttrs).carryOut[index]!.dtype,
  vjp: throughParts,
});

/** The values of one node of the body at all steps: [steps, ...], or rows of `pitch` elements where that is given. */
export const scanStackOp = defineOp<'scanStack', { node: Tensor; pitch?: number }>({
  name: 'scanStack',
  kind: 'part',
  shape: ([scan], { node, pitch }) => [(scan!.attrs as ScanAttrs).steps, ...(pitch ? [pitch] : node.shape)],
  dtype: (_, { node }) => node.dtype,
  vjp: throughParts,
});

export interface ScanOptions {
  /**
   * Steps of each sequence, i32 [b] in 1 … t, where b is the leading size of every carry and every y. Past the end of a
   * sequence its carry stays and its ys are 0.
   *
   * Lengths that are constants are checked here, those that are an input of the step at each of its calls. Lengths that
   * the step computes are not: 0 and less leave the initial carry and ys of 0, and more than t is t.
   */
  lengths?: Tensor;
  /** Start at the last slice and go to the first; ys keep the order of xs. */
  reverse?: boolean;
}

/**
 * A recurrence: (carry, ys[t]) = cell(carry, xs[t]) for t = 0, 1, …, beginning with `initial` (`lax.scan` in JAX). The
 * cell is traced once and compiled once, whatever the number of steps; the gradient is such a loop, too, which reads
 * what this one kept of each step.
 *
 * @param cell called once; may use any tensor from outside. What it draws at random is new at each step.
 * @param initial the first carry
 * @param xs tensors [t, ...] with one leading size t ≥ 1; the cell gets slices [...]
 * @returns the last carry, and the stacked ys [t, ...]
 * @throws ShapeError or DTypeError when a new carry is unlike the old one or leading sizes differ, ArgumentError for
 *   no xs, no steps, or known lengths outside 1 … t (for lengths that are an input of the step, its call throws it), ChainruleError when a module updates a buffer (batch norm) inside the cell
 */
export function scan<const Carry extends Tree, const X extends Tree, const Y extends Tree>(
  cell: (carry: Carry, x: X) => readonly [Carry, Y],
  initial: Carry,
  xs: X,
  { lengths, reverse = false }: ScanOptions = {},
): { carry: Carry; ys: Y } {
  const [init, inputs] = [leavesOf(initial), leavesOf(xs)];
  const steps = stepsOf(inputs);
  const carryIn = init.map((leaf) => placeholder(leaf, leaf.shape));
  const xIn = inputs.map((leaf) => placeholder(leaf, leaf.shape.slice(1)));
  const clock = iota([steps], 0);
  const time = placeholder(clock, []);

  const outer = tryCurrentTrace();
  const inner = outer && {
    ...outer,
    updates: [],
    // Another number for each step of the loop, and other ones at the next step of the program.
    rngCounter: () => add(mul(outer.rngCounter(), steps), cast(time, 'u32')),
    nextStream: () => outer.nextStream(),
  };
  const body = () => cell(rebuild(initial, carryIn), rebuild(xs, xIn));
  const [next, y] = inner ? withTrace(inner, body) : body();
  if (inner && inner.updates.length > 0)
    throw new ChainruleError(
      'scan: expected a cell without buffer updates, got a module that updates one (batch norm in training)',
    );
  let carryOut = leavesOf(next);
  let ys = leavesOf(y);
  checkCarry(carryIn, carryOut);
  if (lengths) {
    const running = runningAt(time, steps, lengths, [...carryOut, ...ys]);
    carryOut = carryOut.map((value, i) => where(running(value), value, carryIn[i]!));
    ys = ys.map((value) => where(running(value), value, zerosLike(value)));
  }
  const loop = makeScan({
    steps,
    reverse,
    carries: carryIn.map((inside, i) => ({ inside, initial: init[i]!, next: carryOut[i]! })),
    xs: [...xIn, time].map((inside, i) => ({ inside, outside: [...inputs, clock][i]! })),
    ys,
  });
  return { carry: rebuild(next, loop.carry), ys: rebuild(y, loop.ys) };
}

function leavesOf(tree: Tree): Tensor[] {
  return tree instanceof Tensor ? [tree] : Object.values(tree).flatMap(leavesOf);
}

/** A tree like `tree` with other leaves. */
function rebuild<T extends Tree>(tree: T, leaves: readonly Tensor[]): T {
  let next = 0;
  const visit = (node: Tree): Tree =>
    node instanceof Tensor
      ? leaves[next++]!
      : Array.isArray(node)
        ? node.map(visit)
        : Object.fromEntries(Object.entries(node).map(([name, child]) => [name, visit(child)]));
  return visit(tree) as T;
}

function stepsOf(inputs: readonly Tensor[]): number {
  if (inputs.length === 0) throw new ArgumentError('scan', 'at least one tensor to go through', '0');
  const steps = inputs[0]!.shape[0];
  if (!inputs.every((x) => x.rank > 0 && x.shape[0] === steps))
    throw new ShapeError(
      'scan',
      inputs.map((x) => x.shape),
      'xs with one leading size, the number of steps',
    );
  if (steps === 0) throw new ArgumentError('scan', 'at least one step', '0');
  return steps!;
}

function checkCarry(before: readonly Tensor[], after: readonly Tensor[]): void {
  if (before.length !== after.length)
    throw new ArgumentError('scan', `a next carry of ${before.length} tensors`, `${after.length}`);
  before.forEach((carry, i) => {
    const next = after[i]!;
    if (!sameShape(carry.shape, next.shape))
      throw new ShapeError(
        'scan',
        [next.shape],
        `a next carry like the initial one, ${formatShape(carry.shape)}`,
      );
    if (carry.dtype !== next.dtype)
      throw new DTypeError('scan', `a next carry of ${carry.dtype}`, next.dtype);
  });
}

/** Gives for a value [b, ...] which of its rows belong to sequences that are not over. */
function runningAt(
  time: Tensor,
  steps: number,
  lengths: Tensor,
  values: readonly Tensor[],
): (value: Tensor) => Tensor {
  const b = lengths.shape[0];
  if (lengths.dtype !== 'i32') throw new DTypeError('scan', 'lengths of i32', lengths.dtype);
  if (lengths.rank !== 1 || !values.every((value) => value.rank > 0 && value.shape[0] === b))
    throw new ShapeError(
      'scan',
      [lengths.shape, ...values.map((value) => value.shape)],
      'lengths [b], and carries and ys [b, ...]',
    );
  requireLengths('scan', lengths, steps);
  const running = lt(broadcast(time, [b!]), lengths);
  return (value) => broadcast(reshape(running, [b!, ...value.shape.slice(1).map(() => 1)]), value.shape);
}

interface Loop {
  readonly steps: number;
  readonly reverse: boolean;
  readonly carries: readonly { inside: Tensor; initial: Tensor; next: Tensor }[];
  readonly xs: readonly { inside: Tensor; outside: Tensor }[];
  readonly ys: readonly Tensor[];
}

/** The node of a loop whose body is given by its results, and nodes for its final carries and stacked ys. */
function makeScan({ steps, reverse, carries, xs, ys }: Loop): { carry: Tensor[]; ys: Tensor[] } {
  const lifted = lift([...carries.map(({ next }) => next), ...ys], carries, xs, steps);
  const through = [...xs, ...lifted.xs];
  const given = [...carries, ...through].map(({ inside }) => inside);
  const { roots, captures } = capture(lifted.roots, given);
  const node = emit(
    scanOp,
    [...carries.map(({ initial }) => initial), ...through.map(({ outside }) => outside), ...captures.keys()],
    {
      steps,
      reverse,
      carryIn: carries.map(({ inside }) => inside),
      xIn: through.map(({ inside }) => inside),
      captureIn: [...captures.values()],
      carryOut: roots.slice(0, carries.length),
    },
  );
  return {
    carry: carries.map((_, index) => emit(scanFinalOp, [node], { index })),
    ys: roots.slice(carries.length).map((root) => stackOf(node, root)),
  };
}

/**
 * Take out of a body the products and table rows that need only its inputs, not its carry, with the elementwise work on
 * them: outside, one product over all steps computes them, and the body gets them as inputs.
 *
 * @returns the body without them, and the inputs to add
 */
function lift(
  roots: readonly Tensor[],
  carries: Loop['carries'],
  xs: Loop['xs'],
  steps: number,
): { roots: readonly Tensor[]; xs: Loop['xs'] } {
  const order = topologicalOrder(roots);
  const inside = new Set([...carries, ...xs].map((given) => given.inside));
  const outside = new Map(xs.map((x) => [x.inside, x.outside]));
  /** Lifted nodes that saved the loop a kernel. */
  const worth = new Set<Tensor>();
  for (const node of order) {
    if (!node.inputs.some((input) => inside.has(input))) continue;
    inside.add(node);
    const [first, second] = node.inputs;
    const whole = outside.get(first!);
    if (node.op.name === 'matmul' && node.rank === 2 && whole && !inside.has(second!)) {
      const attrs = node.attrs as MatmulAttrs;
      if (attrs.transposeA) continue;
      outside.set(node, matmul(whole, second!, attrs));
      worth.add(node);
    } else if (node.op.name === 'embedding' && !inside.has(first!) && outside.has(second!)) {
      outside.set(node, emit(embeddingOp, [first!, outside.get(second!)!], {}));
      worth.add(node);
    } else if (
      node.op.kind === 'pointwise' &&
      node.inputs.some((input) => worth.has(input)) &&
      node.inputs.every((input) => outside.has(input) || !inside.has(input))
    ) {
      const inputs = node.inputs.map(
        (input) => outside.get(input) ?? broadcast(input, [steps, ...input.shape]),
      );
      outside.set(node, emit(node.op, inputs, node.attrs));
      worth.add(node);
    }
  }
  const seen = new Set<Tensor>(roots);
  for (const node of order)
    if (inside.has(node) && !outside.has(node)) node.inputs.forEach((x) => seen.add(x));
  const replaced = new Map(
    [...worth].filter((node) => seen.has(node)).map((node) => [node, placeholder(node, node.shape)]),
  );
  return {
    roots: substitute(roots, replaced),
    xs: [...replaced].map(([node, placed]) => ({ inside: placed, outside: outside.get(node)! })),
  };
}

/**
 * Cut a body from the graph around it: whatever does not depend on `given` is computed once, outside, and seen through
 * a placeholder; only what comes from nothing (zeros, positions) is made inside.
 */
function capture(
  roots: readonly Tensor[],
  given: readonly Tensor[],
): { roots: Tensor[]; captures: ReadonlyMap<Tensor, Tensor> } {
  const order = topologicalOrder(roots);
  const inside = new Set<Tensor>(given);
  const fromNothing = new Set<Tensor>();
  for (const node of order) {
    if (node.inputs.some((input) => inside.has(input))) inside.add(node);
    else if (node.op.kind !== 'source' && node.inputs.every((input) => fromNothing.has(input)))
      fromNothing.add(node);
  }
  const captures = new Map<Tensor, Tensor>();
  const see = (node: Tensor) => {
    if (!inside.has(node) && !fromNothing.has(node) && !captures.has(node))
      captures.set(node, placeholder(node, node.shape));
  };
  roots.forEach(see);
  for (const node of order) if (inside.has(node)) node.inputs.forEach(see);
  return { roots: substitute(roots, captures), captures };
}

/** What the loop `scan` gives to each of its placeholders. */
function boundTo(scan: Tensor): { carries: Tensor[]; xs: Tensor[]; captures: Tensor[] } {
  const { carryIn, xIn } = scan.attrs as ScanAttrs;
  const [x, captures] = [carryIn.length, carryIn.length + xIn.length];
  return {
    carries: scan.inputs.slice(0, x),
    xs: scan.inputs.slice(x, captures),
    captures: scan.inputs.slice(captures),
  };
}

/** The values of a node of the body at all steps, [steps, ...]. */
function stackOf(scan: Tensor, node: Tensor): Tensor {
  const { steps, carryIn, xIn, captureIn } = scan.attrs as ScanAttrs;
  const { carries, xs, captures } = boundTo(scan);
  if (xIn.includes(node)) return xs[xIn.indexOf(node)]!;
  if (captureIn.includes(node)) return broadcast(captures[captureIn.indexOf(node)]!, [steps, ...node.shape]);
  if (carryIn.includes(node) && steps === 1)
    return reshape(carries[carryIn.indexOf(node)]!, [1, ...node.shape]);
  return emit(scanStackOp, [scan], { node });
}

/**
 * The gradient of a loop is a loop the other way round. Its carries are the cotangents of the carries; it reads what
 * the forward loop computed as stacks, in place of computing it again.
 *
 * A matrix from outside that every step multiplies with gets its gradient after the loop, as one product over all
 * steps; other tensors from outside get theirs summed up in a carry.
 */
function scanVjp(
  parts: readonly PartCotangent[],
  _: readonly Tensor[],
  { steps, reverse, carryIn, xIn, captureIn, carryOut }: ScanAttrs,
  loop: Tensor,
): (Tensor | null)[] {
  const { captures } = boundTo(loop);
  const isFloat = (node: Tensor) => node.dtype === 'f32';
  const finals = new Map<number, Tensor>();
  const stacks: { node: Tensor; cotangent: Tensor }[] = [];
  for (const { part, cotangent } of parts) {
    if (part.op.name === 'scanFinal') finals.set(part.attrs.index as number, cotangent);
    else stacks.push({ node: part.attrs.node as Tensor, cotangent });
  }

  // Inside the loop: from the cotangents of its results to those of its carries, inputs and captures.
  const carries = carryOut.flatMap((next, i) =>
    isFloat(next)
      ? [{ index: i, next, inside: placeholder(next, next.shape), initial: finals.get(i) ?? zerosLike(next) }]
      : [],
  );
  const seeds = stacks.map(({ node, cotangent }) => ({
    inside: placeholder(node, node.shape),
    outside: cotangent,
  }));
  const roots = [...carries.map(({ next }) => next), ...stacks.map(({ node }) => node)];
  const forward = topologicalOrder([...carryOut, ...roots]);
  const candidates = forward.filter((node) => isProductWith(captureIn, node));
  const wrtX = xIn.filter(isFloat);
  const wrtCapture = captureIn.filter(isFloat);
  const wrtCarry = carries.map(({ index }) => carryIn[index]!);
  const found = pullback(
    roots,
    [...carries.map(({ inside }) => inside), ...seeds.map(({ inside }) => inside)],
    [...wrtCarry, ...wrtX, ...wrtCapture, ...candidates],
    { stop: (user, position) => position === 1 && candidates.includes(user) },
  );
  const cotangentIn = new Map(
    [...wrtCarry, ...wrtX, ...wrtCapture, ...candidates].map((node, i) => [node, found[i]!]),
  );
  const inLoop = (node: Tensor) => cotangentIn.get(node) ?? zerosLike(node);
  const products = candidates.filter((node) => cotangentIn.get(node));

  // Captures that are no such matrix: sums over the steps, carried along.
  const sums = wrtCapture.flatMap((captured) => {
    const contribution = cotangentIn.get(captured);
    if (!contribution) return [];
    const inside = placeholder(captured, captured.shape);
    return [{ captured, inside, initial: zerosLike(captured), next: add(inside, contribution) }];
  });
  const results = [
    ...wrtCarry.map(inLoop),
    ...sums.map(({ next }) => next),
    ...wrtX.map(inLoop),
    ...products.map(inLoop),
  ];

  // What the results need of the forward loop comes in as stacks.
  const kept = keptOf(results, forward, captureIn);
  const replacements = new Map<Tensor, Tensor>(
    [...kept].map((node) => [node, placeholder(node, node.shape)]),
  );
  captureIn.forEach((inside, i) => replacements.set(inside, captures[i]!));
  const body = substitute(results, replacements);
  const carryCount = carries.length + sums.length;
  const backward = makeScan({
    steps,
    reverse: !reverse,
    carries: [...carries, ...sums].map(({ inside, initial }, i) => ({ inside, initial, next: body[i]! })),
    xs: [
      ...seeds,
      ...[...kept].map((node) => ({ inside: replacements.get(node)!, outside: stackOf(loop, node) })),
    ],
    ys: body.slice(carryCount),
  });

  const cotangents = new Map<Tensor, Tensor>();
  const give = (inside: Tensor, contribution: Tensor) => {
    const sum = cotangents.get(inside);
    cotangents.set(inside, sum ? add(sum, contribution) : contribution);
  };
  carries.forEach(({ index }, i) => give(carryIn[index]!, backward.carry[i]!));
  sums.forEach(({ captured }, i) => give(captured, backward.carry[carries.length + i]!));
  wrtX.forEach((x, i) => give(x, backward.ys[i]!));
  products.forEach((product, i) => {
    const [a, b] = product.inputs as [Tensor, Tensor];
    const outer = captures[captureIn.indexOf(b)]!;
    const rows = (stack: Tensor) => reshape(stack, [-1, stack.shape.at(-1)!]);
    const [, gradient] = matmulOp.vjp!(
      rows(backward.ys[wrtX.length + i]!),
      [rows(stackOf(loop, a)), outer],
      product.attrs as MatmulAttrs,
      product,
    );
    give(b, gradient!);
  });
  return [...carryIn, ...xIn, ...captureIn].map((inside) => cotangents.get(inside) ?? null);
}

/** A B with B from outside and one row of A per row of the product: over all steps it is one taller product. */
function isProductWith(captured: readonly Tensor[], node: Tensor): boolean {
  if (node.op.name !== 'matmul' || node.rank !== 2 || (node.attrs as MatmulAttrs).transposeA) return false;
  return captured.includes(node.inputs[1]!) && !captured.includes(node.inputs[0]!);
}

/**
 * Nodes of the forward body that a gradient should read from memory instead of computing them again: carries and
 * inputs, and the results of kernels, or rather of the elementwise work right behind a kernel, which is stored anyway.
 */
function keptOf(
  results: readonly Tensor[],
  forward: readonly Tensor[],
  captured: readonly Tensor[],
): Set<Tensor> {
  const users = new Map<Tensor, Tensor[]>(forward.map((node) => [node, []]));
  for (const node of forward) for (const input of node.inputs) users.get(input)!.push(node);
  const costly = new Set<Tensor>();
  for (const node of forward) {
    if (node.op.kind !== 'kernel' && node.op.kind !== 'reduction' && node.op.kind !== 'part') continue;
    let last = node;
    costly.add(last);
    for (let next = users.get(last)!; next.length === 1; next = users.get(last)!) {
      const [user] = next;
      if (user!.op.kind !== 'pointwise' || user!.size !== last.size) break;
      costly.add((last = user!));
    }
  }
  const kept = new Set<Tensor>();
  const seen = new Set<Tensor>();
  const visit = (node: Tensor) => {
    if (seen.has(node) || captured.includes(node)) return;
    seen.add(node);
    const isForward = users.has(node);
    if (isForward && (node.op.name === 'placeholder' || costly.has(node))) kept.add(node);
    else node.inputs.forEach(visit);
  };
  results.forEach(visit);
  return kept;
}
