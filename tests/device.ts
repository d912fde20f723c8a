import { cpu, webgpu, type Device } from '../src/index.ts';

/** A new device of this test project's backend. */
export async function openDevice(backend: 'cpu' | 'webgpu' = __BACKEND__): Promise<Device> {
  return backend === 'cpu' ? cpu() : webgpu();
}
