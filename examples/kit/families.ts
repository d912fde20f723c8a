// Every file of `examples/` is a family; terminal, page and tests run them from here.
import { cpu, webgpu, type Device } from 'chainrule';
import type { Claim, Example, Figures, Run } from './example.ts';

const modules = import.meta.glob<Example>('../*.ts', { import: 'default' });

/** `../vae.ts` → `vae` */
export const FAMILIES: readonly string[] = Object.keys(modules)
  .map((path) => path.slice('../'.length, -'.ts'.length))
  .sort();

/** @throws Error for a name that is not one of `FAMILIES` */
export async function loadFamily(name: string): Promise<Example> {
  const module = modules[`../${name}.ts`];
  if (!module) throw new Error(`expected an example (${FAMILIES.join(', ')}), got ${name}`);
  return module();
}

export interface Outcome {
  readonly adapter: string;
  readonly figures: Figures;
  readonly claims: readonly Claim[];
  /** From an open device to the last figure: data, compiling and training. */
  readonly seconds: number;
}

export interface FamilyOptions extends Omit<Run, 'device'> {
  readonly backend: 'webgpu' | 'cpu';
}

/** Run a family on a device of its own and look at its claims. */
export async function runFamily(name: string, { backend, ...run }: FamilyOptions): Promise<Outcome> {
  const family = await loadFamily(name);
  const device: Device = backend === 'cpu' ? cpu() : await webgpu();
  try {
    const started = performance.now();
    const figures = await family.run({ ...run, device });
    const seconds = (performance.now() - started) / 1000;
    return { adapter: device.name, figures, claims: family.claims(figures, run.short), seconds };
  } finally {
    device.destroy();
  }
}
