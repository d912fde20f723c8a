import type { Tensor } from '../graph/index.ts';
import { updatesBesideReads } from './blocks.ts';
import {
  bindingsOf,
  domainOf,
  linesAlong,
  MAX_OPS,
  nodesOf,
  producersOf,
  readersOf,
  readsByElement,
  readsOf,
  type Kernel,
  type KernelLimits,
  type Lines,
} from './kernel.ts';
import { leadsTo, union, type Group } from './paths.ts';
import type { Prepared } from './prepare.ts';
import { dependents, topologicalKernels } from './schedule.ts';
import { collapse, isContiguous, type View } from './view.ts';

const countOf = ({ outer, inner }: Lines) => outer * inner;
const elementsOf = ({ outer, length, inner }: Lines) => outer * length * inner;

/** A few lanes read a whole row: longer ones need many rows, or they leave most of a GPU idle. */
const [LONG_ROW, MANY_ROWS] = [1024, 256];
/** One invocation goes down four columns: it takes as many of those to do the work of a whole matrix. */
const [LONG_COLUMN, MANY_COLUMNS] = [16, 4 * 4096];
/** Reductions of as many elements as this have invocations to spare: two of them run along with each other. */
const SMALL = 2 ** 17;
/** Among how many of the groups of its lines before it one looks for company. */
const MOST_NEIGHBOURS = 8;

/** Kernels that run as one. */
interface LineGroup extends Group {
  readonly lines: Lines | null;
}

/**
 * Join kernels that go through the same lines: reductions, elementwise work on their elements, and elementwise work on
 * one number per line. A line is then read where it lies in the cache and what was reduced of it stays in registers, so
 * that a softmax with cross-entropy, or a layer norm, is one kernel each way.
 */
export function joinLines(
  kernels: readonly Kernel[],
  prepared: Prepared,
  { maxBindings, placeOf = () => undefined }: KernelLimits,
): readonly Kernel[] {
  const { views, outputs, updates } = prepared;
  const results = new Set<Tensor>([...outputs, ...updates.keys()]);
  const after = dependents(kernels, prepared);
  const order = topologicalKernels(kernels, after);
  if (order.length < kernels.length) return kernels; // makePlan will move an update out of the way and come back
  const producer = producersOf(kernels);
  const readers = readersOf(kernels, prepared);

  const groupOf = new Map<Kernel, LineGroup>();
  order.forEach((kernel, at) =>
    groupOf.set(kernel, { members: [kernel], lines: linesOf(kernel), first: at, last: at }),
  );
  const mayJoin = order.filter((kernel) => isLineWork(kernel, linesOf(kernel)));
  joinProducers();
  joinNeighbours();
  joinNumbers();
  return [...new Set(groupOf.values())].map((group) => (group.lines ? asKernel(group) : group.members[0]!));

  /** Work with the work that it continues. */
  function joinProducers(): void {
    const allowed = new Set(mayJoin);
    for (const kernel of mayJoin) {
      for (const base of readsOf(kernel, views)) {
        const source = producer.get(base);
        if (source && allowed.has(source)) join(groupOf.get(source)!, groupOf.get(kernel)!);
      }
    }
  }

  /** Reductions of the same lines: of one tensor, or small ones. */
  function joinNeighbours(): void {
    const alike = new Map<string, LineGroup[]>();
    for (const kernel of mayJoin) {
      const group = groupOf.get(kernel)!;
      if (!group.lines) continue;
      const key = Object.values(group.lines).join();
      const others = alike.get(key) ?? [];
      alike.set(key, others);
      if (others.includes(group)) continue;
      const elements = elementsOf(group.lines);
      const large = new Set(readsOf(asKernel(group), views).filter(({ size }) => size === elements));
      const joinedWith = others.findIndex((other) => {
        const isNear = elements <= SMALL || readsOf(asKernel(other), views).some((base) => large.has(base));
        return isNear && join(other, group);
      });
      if (joinedWith >= 0) others.splice(joinedWith, 1);
      others.push(groupOf.get(kernel)!);
      if (others.length > MOST_NEIGHBOURS) others.shift();
    }
  }

  /** What is done with single numbers (the step counter of an optimizer) with a sum of everything (the loss). */
  function joinNumbers(): void {
    const sums = [...new Set(groupOf.values())]
      .filter(({ lines }) => lines && countOf(lines) === 1)
      .slice(-MOST_NEIGHBOURS);
    for (const kernel of mayJoin) {
      const group = groupOf.get(kernel)!;
      if (group.lines || kernel.epilogue[0]!.size !== 1) continue;
      const joinedWith = sums.findIndex((sum) => join(sum, group));
      if (joinedWith >= 0) sums[joinedWith] = groupOf.get(kernel)!;
    }
  }

  /** Make one group of two, unless that cannot be or would cost more than it saves. */
  function join(a: LineGroup, b: LineGroup): boolean {
    const lines = a.lines ?? b.lines;
    if (a === b || !lines || (a.lines && b.lines && !sameLines(a.lines, b.lines))) return false;
    const joined: LineGroup = { ...union(a, b), lines };
    const kernel = asKernel(joined);
    const isAllowed =
      kernel.epilogue.length <= MAX_OPS &&
      bindingsOf(kernel, prepared) <= maxBindings &&
      joined.members.every((member) => isLineWork(member, lines)) &&
      hasEnoughLines(joined.members, lines) &&
      staysInLines(kernel.epilogue, lines, views) &&
      updatesNumbersOnly(kernel, lines, prepared) &&
      updatesBesideReads(kernel, prepared, placeOf).length === 0 &&
      !leadsTo(a, b, after, groupOf, true) &&
      !leadsTo(b, a, after, groupOf, true);
    if (isAllowed) for (const member of joined.members) groupOf.set(member, joined);
    return isAllowed;
  }

  /** All of a group's work, and of its stores those that something else needs. */
  function asKernel({ members, lines }: LineGroup): Kernel {
    const inside = new Set(members);
    const isNeeded = (node: Tensor) =>
      results.has(node) || (readers.get(node) ?? []).some((reader) => !inside.has(reader));
    return {
      anchor: null,
      prologue: [],
      epilogue: members.flatMap(nodesOf).sort((x, y) => x.id - y.id),
      stores: members.flatMap(({ stores }) => stores.filter(isNeeded)).sort((x, y) => x.id - y.id),
      lines,
    };
  }
}

const sameLines = (a: Lines, b: Lines) => a.outer === b.outer && a.length === b.length && a.inner === b.inner;

/** The lines that a kernel reduces to one element each; `null` when it does not. */
function linesOf({ anchor }: Kernel): Lines | null {
  if (!anchor || (anchor.op.name !== 'sum' && anchor.op.name !== 'max')) return null;
  const axes = anchor.op.name === 'sum' ? anchor.attrs.axes : [anchor.attrs.axis];
  return linesAlong(anchor.inputs[0]!.shape, axes as readonly number[]);
}

/** A reduction of lines, or work on one element per line or on all elements. Without `lines`: some may fit. */
function isLineWork(kernel: Kernel, lines: Lines | null): boolean {
  if (kernel.anchor) return linesOf(kernel) !== null;
  const size = kernel.epilogue[0]!.size;
  if (kernel.epilogue.some((node) => node.size !== size)) return false;
  return !lines || size === countOf(lines) || size === elementsOf(lines);
}

/** What each lane does takes no longer than if its parts ran by themselves, or not much. */
function hasEnoughLines(members: readonly Kernel[], lines: Lines): boolean {
  const { length, inner } = lines;
  if (length === 1) return false; // numbers and elements could not be told apart
  if (inner === 1) return length <= LONG_ROW || countOf(lines) >= MANY_ROWS;
  const isReduction = ({ anchor, epilogue }: Kernel) => anchor || epilogue[0]!.size === countOf(lines);
  return members.every(isReduction) || length <= LONG_COLUMN || countOf(lines) >= MANY_COLUMNS;
}

/**
 * A parameter with one element per row is updated by one lane of that row when all is done, and others may not have read it
 * yet: so nothing that goes through whole rows may depend on it.
 */
function updatesNumbersOnly(
  { epilogue, stores }: Kernel,
  lines: Lines,
  { views, updates }: Prepared,
): boolean {
  const stored = stores.filter((node) => updates.has(node));
  const count = countOf(lines);
  if (stored.some((node) => node.size !== count)) return false;
  const old = new Set<Tensor>(stored.map((node) => updates.get(node)!));
  for (const node of epilogue)
    if (node.inputs.some((input) => old.has(views.get(input)!.base))) old.add(node);
  return [...old].every((node) => node.size === count && node.op.kind !== 'reduction');
}

/** Whatever is read of values that are computed here, it is of the same element or the same line. */
function staysInLines(nodes: readonly Tensor[], lines: Lines, views: Prepared['views']): boolean {
  const inside = new Set(nodes);
  return nodes.every((node) =>
    node.inputs.every((input, i) => {
      const view = views.get(input)!;
      if (!inside.has(view.base)) return true;
      if (!readsByElement(node, i)) return false;
      const domain = domainOf(node);
      if (view.base.size === domain) return isContiguous(view);
      return (
        domain === elementsOf(lines) && view.base.size === countOf(lines) && isBroadcastAlong(view, lines)
      );
    }),
  );
}

/** A number per line, seen by each of the line's elements. */
function isBroadcastAlong({ shape, strides, offset }: View, { outer, length, inner }: Lines): boolean {
  const wanted = collapse([outer, length, inner], [inner, 0, 1]);
  const axes = collapse(shape, strides);
  return (
    offset === 0 &&
    axes.length === wanted.length &&
    axes.every(({ size, stride }, i) => size === wanted[i]!.size && stride === wanted[i]!.stride)
  );
}
