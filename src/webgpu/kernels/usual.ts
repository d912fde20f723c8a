import type { Kernel, Plan } from '../../plan/index.ts';
import { linesKernel, mapKernel } from './core.ts';
import type { Adapter, AnchorName, Choose, KernelSpec, KernelTable } from './spec.ts';

/** The way that is best on most adapters of such a kind. */
export function usualSpec(
  { anchor, lines, epilogue }: Kernel,
  plan: Plan,
  adapter: Adapter,
  kernels: Partial<KernelTable>,
): KernelSpec {
  if (lines) return linesKernel(lines, adapter);
  if (!anchor) return mapKernel(epilogue[0]!.size);
  const choose = kernels[anchor.op.name as AnchorName] as Choose<unknown>;
  const views = anchor.inputs.map((input) => plan.views.get(input)!);
  return choose(anchor, anchor.attrs, views, adapter);
}
