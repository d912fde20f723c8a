import { openDevice } from '../device.ts';
import { runAll, type CaseResult } from './run.ts';

/** Run a golden folder that the server of this page serves under `base`; for `npm run golden` without Dawn. */
export async function runInBrowser(base: string): Promise<{ device: string; cases: CaseResult[] }> {
  const device = await openDevice('webgpu');
  const read = async (path: string) => {
    const response = await fetch(base + path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const cases = await runAll(read, device, 'webgpu');
  device.destroy();
  return { device: device.name, cases };
}
