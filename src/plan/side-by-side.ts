import type { Tensor } from '../graph/index.ts';
import { costOf } from './cost.ts';
import { bindingsOf, describeKernel, readsOf, type Kernel, type KernelLimits } from './kernel.ts';
import { leadsTo, union, type Group } from './paths.ts';
import { parameterOf } from './place.ts';
import type { Plan } from './plan.ts';
import { dependents, topologicalKernels } from './schedule.ts';

/** In about the time that a dispatch costs, some 10 µs, a small GPU moves and computes as much. */
const SMALL = { bytes: 1.5e6, flops: 1.5e7 };
/** A kernel has up to two uniforms, and they all share one more, of the twelve that a stage may bind. */
const MOST_TOGETHER = 4;
/** How far away in the order a kernel looks for company: values live longer where it has to wait. */
const REACH = 2;
/** A mixture with a text that takes long to compile pays if it is in a plan so many times. */
const OFTEN = 3;

/** What has to be known of a kernel to put others beside it. */
interface Needs {
  /** It takes less time than a dispatch. */
  readonly isSmall: boolean;
  /** It has a kernel file with an op of its own, which takes long to compile. */
  readonly isLong: boolean;
  readonly bindings: number;
  /** Buffers that it only reads, and those that it writes. */
  readonly reads: ReadonlySet<object>;
  readonly writes: ReadonlySet<object>;
}

/**
 * Let small kernels run in the dispatch of others that they do not depend on: each has workgroups of its own there. A small
 * kernel takes less time than its dispatch and leaves most of a GPU idle. At most one of those in a dispatch is not small.
 *
 * @param kernels in order
 * @returns the kernels in an order in which those of one dispatch are neighbours, and those that run beside the one before
 */
export function sideBySide(
  kernels: readonly Kernel[],
  plan: Pick<Plan, 'order' | 'outputs' | 'updates' | 'views' | 'loops' | 'blockOf'>,
  { maxBindings, placeOf = () => undefined }: KernelLimits,
): { kernels: readonly Kernel[]; beside: ReadonlySet<Kernel> } {
  const after = dependents(kernels, plan);
  const groupOf = new Map<Kernel, Group>(
    kernels.map((kernel, at) => [kernel, { members: [kernel], first: at, last: at }]),
  );
  const needsOf = new Map(
    kernels.flatMap((kernel) => (plan.loops.has(kernel) ? [] : [[kernel, findNeeds(kernel)] as const])),
  );
  // Those with short texts first: they may join whatever they meet.
  for (const long of [false, true])
    for (const [kernel, { isLong }] of needsOf) if (isLong === long) findCompany(kernel);
  leaveRareMixtures();
  return inOrder([...new Set(groupOf.values())], groupOf, after);

  function findCompany(kernel: Kernel): void {
    const own = groupOf.get(kernel)!;
    const near = kernels.slice(Math.max(0, own.first - REACH), own.first + REACH + 1).reverse();
    const company = near
      .map((other) => groupOf.get(other)!)
      .find(
        (other) =>
          other !== own &&
          fit(
            [...other.members, ...own.members].map((member) => needsOf.get(member)),
            maxBindings,
          ) &&
          !leadsTo(other, own, after, groupOf) &&
          !leadsTo(own, other, after, groupOf),
      );
    const group = company ? union(company, own) : own;
    for (const member of group.members) groupOf.set(member, group);
  }

  /** Each mixture is a text of its own to compile. */
  function leaveRareMixtures(): void {
    const mixtureOf = ({ members }: Group) => members.map(describeKernel).join();
    const groups = [...new Set(groupOf.values())].filter(({ members }) => members.length > 1);
    const counts = new Map<string, number>();
    for (const group of groups) counts.set(mixtureOf(group), (counts.get(mixtureOf(group)) ?? 0) + 1);
    for (const group of groups) {
      if (counts.get(mixtureOf(group))! >= OFTEN) continue;
      const long = group.members.filter((member) => needsOf.get(member)!.isLong);
      const rest = group.members.filter((member) => !long.includes(member));
      for (const members of [...long.map((member) => [member]), rest]) {
        const smaller = { ...group, members };
        for (const member of members) groupOf.set(member, smaller);
      }
    }
  }

  function findNeeds(kernel: Kernel): Needs {
    const { bytes, flops } = costOf(kernel, plan);
    const bufferOf = (value: Tensor) => {
      const parameter = parameterOf(value, plan.updates);
      return parameter ? (placeOf(parameter)?.arena ?? parameter) : (plan.blockOf.get(value) ?? value);
    };
    const writes = new Set<object>(kernel.stores.map(bufferOf));
    const reads = readsOf(kernel, plan.views).map(bufferOf);
    const { anchor } = kernel;
    return {
      isSmall: bytes <= SMALL.bytes && flops <= SMALL.flops,
      isLong: anchor?.op.kind === 'kernel',
      // Kernels of attention have a place for a mask in any case.
      bindings: bindingsOf(kernel, plan) + Number(anchor?.op.name.startsWith('attention') ?? false),
      reads: new Set(reads.filter((buffer) => !writes.has(buffer))),
      writes,
    };
  }
}

/** One dispatch can bind what all of them need, no buffer both for reading and for writing. `undefined` stands for a loop. */
function fit(all: readonly (Needs | undefined)[], maxBindings: number): boolean {
  const needs = all.flatMap((each) => each ?? []);
  const count = (is: (each: Needs) => boolean) => needs.filter(is).length;
  return (
    needs.length === all.length &&
    all.length <= MOST_TOGETHER &&
    count(({ isSmall }) => !isSmall) <= 1 &&
    count(({ isLong }) => isLong) <= 1 &&
    needs.reduce((sum, { bindings }) => sum + bindings, 0) <= maxBindings &&
    needs.every(({ writes }) => needs.every(({ reads }) => ![...reads].some((buffer) => writes.has(buffer))))
  );
}

function inOrder(
  groups: readonly Group[],
  groupOf: ReadonlyMap<Kernel, Group>,
  after: ReadonlyMap<Kernel, ReadonlySet<Kernel>>,
): { kernels: readonly Kernel[]; beside: ReadonlySet<Kernel> } {
  const firstOf = (kernel: Kernel) => groupOf.get(kernel)!.members[0]!;
  const afterFirst = new Map(
    groups.map(({ members }) => [
      members[0]!,
      new Set(members.flatMap((member) => [...after.get(member)!].map(firstOf))),
    ]),
  );
  const order = topologicalKernels([...afterFirst.keys()], afterFirst);
  const dispatches = order.map((first) => groupOf.get(first)!.members);
  return { kernels: dispatches.flat(), beside: new Set(dispatches.flatMap((members) => members.slice(1))) };
}
