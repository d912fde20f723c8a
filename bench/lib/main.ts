// The page: /?lib=<adapter> offers its lab as window.lab; /?lib=limits measures the GPU itself.
import './gpu-counters.ts'; // first: it wraps what the libraries call
import { Lab } from './lab.ts';
import type { Adapter } from './types.ts';

declare global {
  interface Window {
    lab?: Lab | { limits(): Promise<unknown> };
  }
}

const adapters = import.meta.glob<{ default: Adapter }>('../adapters/[!_]*.ts');

const library = new URLSearchParams(location.search).get('lib');
if (library === 'limits') {
  window.lab = await import('./limits.ts');
} else {
  const load = adapters[`../adapters/${library}.ts`];
  if (!load) throw new Error(`no adapter named ${library}`);
  window.lab = new Lab((await load()).default);
}
