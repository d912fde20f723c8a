import type { Parameter, Tensor } from '../graph/index.ts';
import { MAX_OPS, readsInPlace, takesEpilogue, type Kernel, type KernelLimits } from './kernel.ts';
import type { Prepared } from './prepare.ts';
import { isContiguous } from './view.ts';

/** Elements of work that costs a dispatch more than its memory. */
const SMALL = 2 ** 14;

/** Among how many of the groups before it one looks for company. What belongs together is close. */
const MOST_CANDIDATES = 16;

const isElementwise = (node: Tensor) =>
  (node.op.kind === 'pointwise' || node.op.kind === 'indexed') && node.op.name !== 'fill';

/** A kernel file computes it, alone or with elementwise work around it. */
const isAnchor = (node: Tensor) => node.op.kind === 'kernel' || node.op.kind === 'reduction';

interface Use {
  readonly user: Tensor;
  /** The user reads it element by element in its own order. */
  readonly inPlace: boolean;
}

interface Group {
  readonly height: number;
  members: Set<Tensor>;
  stores: Set<Tensor>;
  /** Bases that generated code reads from outside, one binding each. */
  reads: Set<Tensor>;
  /** Bindings that the anchor's kernel file declares for its operands. */
  operands: number;
}

/**
 * Partition the graph into kernels.
 *
 * Elementwise nodes are grouped from the results backwards, as late as possible. A node's height is the
 * number of group borders on its longest way to a result; a node joins its users' group when it has their
 * height. Every edge between groups lowers the height, so the groups never depend on each other in a circle.
 * Then a kernel op takes in the first group that consumes it (epilogue), and a reduction the group that
 * feeds it alone (prologue).
 */
export function fuse({ order, views, outputs, updates }: Prepared, { maxBindings }: KernelLimits): Kernel[] {
  const uses = findUses(order, views);
  const results = new Set<Tensor>([...outputs, ...updates.keys()]);
  const groupOf = new Map<Tensor, Group>();
  const groups = new Set<Group>();

  const basesOf = (node: Tensor) =>
    node.inputs.map((input) => views.get(input)!.base).filter((base) => base.op.name !== 'fill');

  const fits = (members: Set<Tensor>, stores: Set<Tensor>, reads: Set<Tensor>, operands: number) => {
    // A parameter updated in place is read and written through one binding.
    const inPlace = [...stores].filter((node) => updates.has(node) && reads.has(updates.get(node)!)).length;
    return members.size <= MAX_OPS && stores.size + reads.size + operands - inPlace <= maxBindings;
  };

  /** Nobody but a reduction needs the result, so that it can compute all of this while it reads. */
  const isPrologue = ({ stores }: Group) => {
    if (stores.size !== 1) return false;
    const [store] = [...stores] as [Tensor];
    const [use, ...others] = uses.get(store)!;
    if (!use || others.length > 0 || results.has(store)) return false;
    return use.user.op.kind === 'reduction' && isContiguous(views.get(use.user.inputs[0]!)!);
  };

  /** One group in place of `among`, if it fits. */
  const merge = (among: readonly Group[], whole: Omit<Group, 'operands'>): Group | null => {
    const { members, stores, reads } = whole;
    for (const member of members) reads.delete(member);
    if (!fits(members, stores, reads, 0)) return null;
    const merged: Group = { ...whole, operands: 0 };
    for (const group of among) groups.delete(group);
    groups.add(merged);
    for (const member of members) groupOf.set(member, merged);
    return merged;
  };

  /** Join `node` and the groups of its users into one, if that fits. */
  const join = (node: Tensor, among: readonly Group[], stored: boolean): boolean => {
    const members = new Set([...among.flatMap((group) => [...group.members]), node]);
    const stores = new Set(among.flatMap((group) => [...group.stores]));
    if (stored) stores.add(node);
    const reads = new Set([...among.flatMap((group) => [...group.reads]), ...basesOf(node)]);
    return merge(among, { height: among[0]!.height, members, stores, reads }) !== null;
  };

  for (const node of usersFirst(order, uses, basesOf)) {
    if (node.op.kind === 'source') continue;
    const nodeUses = uses.get(node)!;
    const mayFuse = (use: Use) => isElementwise(node) && use.inPlace && isElementwise(use.user);
    // A value that is stored anyway stays out of work that only feeds a reduction, and that reads it from there.
    const needed = results.has(node) || !nodeUses.every(mayFuse);
    const mayJoin = (use: Use) => mayFuse(use) && !(needed && isPrologue(groupOf.get(use.user)!));
    const heightOver = (use: Use) => groupOf.get(use.user)!.height + (mayJoin(use) ? 0 : 1);
    const height = nodeUses.reduce((most, use) => Math.max(most, heightOver(use)), 0);
    const joinable = new Set(
      nodeUses
        .filter((use) => mayJoin(use) && groupOf.get(use.user)!.height === height)
        .map((use) => groupOf.get(use.user)!),
    );
    const isInside = (use: Use) => mayJoin(use) && joinable.has(groupOf.get(use.user)!);
    const stored = results.has(node) || !nodeUses.every(isInside);
    if (joinable.size > 0 && join(node, [...joinable], stored)) continue;
    const group: Group = {
      height: joinable.size > 0 ? height + 1 : height,
      members: new Set([node]),
      stores: new Set([node]),
      // A kernel file declares bindings for its operands; all other reads are generated.
      reads: new Set(node.op.kind === 'kernel' ? [] : basesOf(node)),
      operands: node.op.kind === 'kernel' ? node.inputs.length : 0,
    };
    groups.add(group);
    groupOf.set(node, group);
  }

  for (const group of [...groups].sort((a, b) => a.height - b.height))
    for (let merged: Group | null = group; merged; ) merged = joinProducers(merged);

  joinSiblings();

  const kernels = new Map<Group, Kernel>();
  for (const group of groups) {
    const members = [...group.members].sort((a, b) => a.id - b.id);
    const anchor = isElementwise(members[0]!) ? null : members[0]!;
    kernels.set(group, {
      anchor,
      prologue: [],
      epilogue: anchor ? [] : members,
      stores: [...group.stores].filter((node) => node.op.kind !== 'loop').sort((a, b) => a.id - b.id),
      lines: null,
    });
  }
  for (const node of order) if (node.op.kind === 'part') joinItsLoop(node);
  // Later nodes first: an anchor near the result leaves earlier groups free for other anchors.
  for (const node of [...order].reverse()) if (isAnchor(node)) absorbEpilogue(node);
  for (const node of order) if (node.op.kind === 'reduction') absorbPrologue(node);
  return [...kernels.values()];

  /**
   * Elementwise work that only continues other elementwise work runs along with it, although it could wait: its
   * lowest producers, if all of them can, become one group with it. Nothing leads from those to the rest of its
   * producers, which are higher, so edges still lower the height.
   */
  function joinProducers(group: Group): Group | null {
    if (!groups.has(group) || !isElementwiseGroup(group) || isPrologue(group)) return null;
    const producers = new Set([...group.reads].flatMap((base) => groupOf.get(base) ?? []));
    // A kernel among them takes this group in as its epilogue.
    if ([...producers].some(({ members }) => [...members].some(isAnchor))) return null;
    const height = Math.min(...[...producers].map((producer) => producer.height));
    const lowest = [...producers].filter((producer) => producer.height === height);
    const members = new Set([group, ...lowest].flatMap((each) => [...each.members]));
    const isInside = (use: Use) => use.inPlace && isElementwise(use.user) && members.has(use.user);
    const continues = (producer: Group) =>
      isElementwiseGroup(producer) &&
      [...producer.stores].every((node) =>
        uses.get(node)!.every((use) => !group.members.has(use.user) || isInside(use)),
      );
    if (lowest.length === 0 || !lowest.every(continues)) return null;
    const stores = new Set(
      [...members].filter((node) => results.has(node) || !uses.get(node)!.every(isInside)),
    );
    const reads = new Set([group, ...lowest].flatMap((each) => [...each.reads]));
    return merge([group, ...lowest], { height, members, stores, reads });
  }

  /**
   * Elementwise work on as many elements runs together where none of it needs the other: when both read a value, or are
   * small. The later one moves up to the height of the earlier one, if all that it reads is higher still.
   */
  function joinSiblings(): void {
    const mayJoin = (group: Group) =>
      isElementwiseGroup(group) && !isPrologue(group) && ![...group.stores].some((node) => updates.has(node));
    const sizeOf = ({ members }: Group) => [...members][0]!.size;
    const earlier = new Map<number, Group[]>();
    for (const group of [...groups].sort((a, b) => b.height - a.height)) {
      if (!mayJoin(group)) continue;
      const size = sizeOf(group);
      const candidates = earlier.get(size) ?? [];
      earlier.set(size, candidates);
      const lowest = Math.min(...[...group.reads].flatMap((base) => groupOf.get(base)?.height ?? []));
      const joined = candidates.some((other, i) => {
        const isNear =
          size <= SMALL || [...group.reads].some((base) => base.size === size && other.reads.has(base));
        const merged =
          isNear && other.height < lowest
            ? merge([other, group], {
                height: other.height,
                members: union(other.members, group.members),
                stores: union(other.stores, group.stores),
                reads: union(other.reads, group.reads),
              })
            : null;
        if (merged) candidates[i] = merged;
        return merged !== null;
      });
      if (joined) continue;
      candidates.push(group);
      if (candidates.length > MOST_CANDIDATES) candidates.shift();
    }
  }

  /** A loop stores its parts. */
  function joinItsLoop(part: Tensor): void {
    const [own, loop] = [groupOf.get(part)!, groupOf.get(part.inputs[0]!)!];
    kernels.get(loop)!.stores.push(part);
    kernels.delete(own);
    groupOf.set(part, loop);
  }

  function absorbEpilogue(anchor: Tensor): void {
    if (!takesEpilogue(anchor)) return;
    const own = groupOf.get(anchor)!;
    const anchorUses = uses.get(anchor)!;
    const consumers = [...new Set(anchorUses.map((use) => groupOf.get(use.user)!))].sort(
      (a, b) => b.height - a.height,
    );
    const [consumer, next] = consumers;
    // The first consumer to run takes the anchor in; the others read its stored result, and none leads back to it.
    if (!consumer || next?.height === consumer.height) return;
    const target = kernels.get(consumer)!;
    const inPlace = anchorUses.every(
      (use) => groupOf.get(use.user) !== consumer || (use.inPlace && isElementwise(use.user)),
    );
    if (target.anchor || !inPlace) return;
    const stores = new Set(consumer.stores);
    if (results.has(anchor) || next) stores.add(anchor);
    const reads = new Set([...consumer.reads, ...own.reads]);
    reads.delete(anchor);
    if (!fits(consumer.members, stores, reads, own.operands)) return;
    // Reading a parameter as an operand while another invocation stores its next value is a race.
    const operands = new Set<Tensor>(basesOf(anchor));
    if ([...stores].some((node) => updates.has(node) && operands.has(updates.get(node)!))) return;
    target.anchor = anchor;
    target.stores = [...stores].sort((a, b) => a.id - b.id);
    consumer.stores = stores;
    consumer.reads = reads;
    consumer.operands = own.operands;
    consumer.members.add(anchor);
    kernels.delete(own);
    groups.delete(own);
    groupOf.set(anchor, consumer);
  }

  function absorbPrologue(anchor: Tensor): void {
    const own = groupOf.get(anchor)!;
    const view = views.get(anchor.inputs[0]!)!;
    const producer = groupOf.get(view.base);
    const source = producer && kernels.get(producer);
    if (!source || source.anchor || !isContiguous(view)) return;
    const onlyUse =
      uses.get(view.base)!.length === 1 && source.stores.length === 1 && !results.has(view.base);
    if (!onlyUse) return;
    const reads = new Set([...own.reads, ...producer.reads]);
    reads.delete(view.base);
    if (!fits(new Set([...own.members, ...producer.members]), own.stores, reads, 0)) return;
    const target = kernels.get(own)!;
    if (target.stores.some((node) => updates.has(node) && producer.reads.has(updates.get(node)!))) return;
    target.prologue = source.epilogue;
    own.reads = reads;
    kernels.delete(producer);
    groups.delete(producer);
    for (const member of producer.members) groupOf.set(member, own);
  }
}

const isElementwiseGroup = ({ members }: Group) => [...members].every(isElementwise);

function union<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> {
  return new Set([...a, ...b]);
}

function findUses(order: readonly Tensor[], views: Prepared['views']): Map<Tensor, Use[]> {
  const uses = new Map<Tensor, Use[]>(order.map((node) => [node, []]));
  for (const user of order) {
    user.inputs.forEach((input, i) => {
      const view = views.get(input)!;
      const inPlace = readsInPlace(user, i) && isContiguous(view) && view.base.size === user.size;
      uses.get(view.base)?.push({ user, inPlace });
    });
  }
  return uses;
}

/**
 * Users before what they use, and a node's inputs right after it: while a group grows, few of the values that it
 * will take in anyway count as buffers that it reads.
 */
function usersFirst(
  order: readonly Tensor[],
  uses: ReadonlyMap<Tensor, readonly Use[]>,
  basesOf: (node: Tensor) => readonly Tensor[],
): Tensor[] {
  const waiting = new Map(order.map((node) => [node, uses.get(node)!.length]));
  const ready = order.filter((node) => waiting.get(node) === 0);
  const result: Tensor[] = [];
  for (let node = ready.pop(); node; node = ready.pop()) {
    result.push(node);
    for (const base of basesOf(node)) {
      waiting.set(base, waiting.get(base)! - 1);
      if (waiting.get(base) === 0) ready.push(base);
    }
  }
  return result;
}

/** Parameters of `updates` that a kernel stores although it also reads them out of step with its stores. */
export function racingUpdates(kernel: Kernel, { views, updates }: Prepared): Parameter[] {
  const stored = new Map(
    kernel.stores.filter((node) => updates.has(node)).map((node) => [updates.get(node) as Tensor, node]),
  );
  const racing: Parameter[] = [];
  const check = (node: Tensor, evaluatedInPlace: boolean) => {
    node.inputs.forEach((input, i) => {
      const view = views.get(input)!;
      const value = stored.get(view.base);
      if (
        value &&
        !(evaluatedInPlace && readsInPlace(node, i) && isContiguous(view) && view.base.size === node.size)
      )
        racing.push(view.base as Parameter);
    });
  };
  if (kernel.anchor) check(kernel.anchor, false);
  for (const node of kernel.prologue) check(node, false);
  for (const node of kernel.epilogue) check(node, true);
  return racing;
}
