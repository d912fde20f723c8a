import { isImageOp } from '../../ops/index.ts';
import type { Kernel, Plan } from '../../plan/index.ts';
import { coreKernels } from './core.ts';
import {
  prefersQuads,
  type Adapter,
  type AnchorName,
  type KernelSpec,
  type KernelTable,
  type Tuning,
} from './spec.ts';
import { usualSpec } from './usual.ts';

export { mapKernel } from './core.ts';
export { tuningKey } from './key.ts';
export type { Adapter, KernelSpec, KernelTable, ShaderSource } from './spec.ts';

/** Kernels that a page loads when a plan needs them. */
const FAMILIES: readonly {
  readonly has: (op: string) => boolean;
  readonly load: () => Promise<Partial<KernelTable>>;
}[] = [
  {
    has: isImageOp,
    load: async () => (await import('./image.ts')).imageKernels,
  },
  {
    has: (op) => /^(argmax|scatterAdd|embeddingGrad)$/.test(op),
    load: async () => (await import('./indexed.ts')).indexedKernels,
  },
  {
    has: (op) => op.startsWith('attention'),
    load: async () => (await import('./attention.ts')).attentionKernels,
  },
];

/** How to run each kernel of a plan. */
export type SpecOf = (kernel: Kernel, plan: Plan) => KernelSpec;

/** How to run the kernels of `plans` on `adapter`. */
export async function chooseKernels(
  plans: Iterable<Plan>,
  adapter: Adapter,
  tuning: Tuning,
): Promise<SpecOf> {
  const names = new Set(
    [...plans].flatMap(({ kernels }) =>
      kernels.flatMap(({ anchor }) => anchor?.op.name ?? []),
    ) as AnchorName[],
  );
  const needed = FAMILIES.filter(({ has }) => [...names].some(has));
  const table: Partial<KernelTable> = Object.assign(
    {},
    coreKernels,
    prefersQuads(adapter) ? (await import('./quad.ts')).quadKernels : {},
    ...(await Promise.all(needed.map(({ load }) => load()))),
  );
  const tuned = tuning.size > 0 ? await import('./variants.ts') : null;
  return (kernel, plan) =>
    tuned?.tunedSpec(kernel, plan, adapter, tuning) ?? usualSpec(kernel, plan, adapter, table);
}
