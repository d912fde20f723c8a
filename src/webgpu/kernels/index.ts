import { isImageOp } from '../../ops/index.ts';
import type { Plan } from '../../plan/index.ts';
import { coreKernels } from './core.ts';
import type { AnchorName, KernelTable } from './spec.ts';

export { linesKernel, mapKernel } from './core.ts';
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

/** The kernels that `plans` need. */
export async function loadKernels(plans: Iterable<Plan>): Promise<Partial<KernelTable>> {
  const names = new Set(
    [...plans].flatMap(({ kernels }) =>
      kernels.flatMap(({ anchor }) => anchor?.op.name ?? []),
    ) as AnchorName[],
  );
  const needed = FAMILIES.filter(({ has }) => [...names].some(has));
  return Object.assign({}, coreKernels, ...(await Promise.all(needed.map(({ load }) => load()))));
}
