import * as chainrule from '../src/index.ts';
import type { Device } from '../src/index.ts';

/** A new device of this test project's backend. */
export async function openDevice(backend: 'cpu' | 'webgpu' = __BACKEND__): Promise<Device> {
  if (backend === 'cpu') return chainrule.cpu();
  const { webgpu } = chainrule as unknown as { webgpu(): Promise<Device> };
  return webgpu();
}
