import type { Plan } from '../plan/index.ts';
import type { ShaderSource } from './kernels/index.ts';

/** Functions that generated code calls for some ops. */
export interface Library {
  readonly source: ShaderSource;
  readonly calls: RegExp;
}

/** A page loads them when a plan has such ops. */
const LIBRARIES = [
  {
    ops: /^(tanh|softplus|erf|pow)$/,
    calls: /\b(tanh_accurate|softplus|erf|power)\(/,
    load: () => import('../../shaders/lib/math.wgsl'),
  },
  { ops: /^random$/, calls: /\bphilox\(/, load: () => import('../../shaders/lib/philox.wgsl') },
];

/** What the code of these plans calls. */
export async function loadLibraries(plans: Iterable<Plan>): Promise<readonly Library[]> {
  const names = [...plans].flatMap(({ order }) => order.map(({ op }) => op.name));
  const needed = LIBRARIES.filter(({ ops }) => names.some((name) => ops.test(name)));
  return Promise.all(needed.map(async ({ calls, load }) => ({ calls, source: (await load()).default })));
}
