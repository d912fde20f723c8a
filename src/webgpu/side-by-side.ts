import { dispatchesOf, type Kernel, type Plan } from '../plan/index.ts';
import type { Composed, ComposedBinding } from './compose.ts';
import type { Merged } from './merge.ts';

/** How the kernels begin whose dispatches others can share: in workgroups of 64 and without memory of a workgroup. */
const ENTRY = /@compute\s*@workgroup_size\(64\)\s*fn main\(([^{]*)\)\s*\{/;
const PARAMETER = /@builtin\((\w+)\)\s*\w+\s*:\s*(\w+)/g;
const DIRECTIVE = /^(?:enable|diagnostic)\b.*$/gm;
const DECLARED = /\b(?:(?:fn|struct|alias|const)|var<[^>]*>)\s*(\w+)/g;

/**
 * Put together the kernels that the plan lets run beside each other.
 *
 * @returns by the first kernel of each dispatch
 */
export function shareDispatches(plan: Plan, composedOf: ReadonlyMap<Kernel, Composed>): Map<Kernel, Merged> {
  const shared = new Map<Kernel, Merged>();
  for (const [first, ...absorbed] of dispatchesOf(plan)) {
    if (absorbed.length === 0) continue;
    const composed = besideEachOther([first!, ...absorbed].map((kernel) => composedOf.get(kernel)!));
    if (composed) shared.set(first!, { composed, absorbed });
  }
  return shared;
}

export type ShareDispatches = typeof shareDispatches;

/**
 * Kernels as one dispatch: the workgroups of the first, then those of the second, and so on. Their texts stand one behind the
 * other, with other names.
 *
 * @returns null if some kernel needs workgroups of another kind
 */
function besideEachOther(kernels: readonly Composed[]): Composed | null {
  const entries = kernels.map(({ code }) => ENTRY.exec(code));
  if (entries.includes(null)) return null;
  const builtins = entries.map((entry) =>
    [...entry![1]!.matchAll(PARAMETER)].map(([, name, type]) => [name!, type!]),
  );
  const parameters = new Map(builtins.flat() as [string, string][]);
  const bindings: ComposedBinding[] = [];
  const texts = kernels.map((kernel, k) => {
    const called = kernel.code.replace(ENTRY, (head) =>
      head.replace(/@\w+\s*\(\w+\)/g, '').replace('@compute', ''),
    );
    const text = renamed(called, `_${k}`, bindings.length);
    bindings.push(...kernel.bindings);
    return text;
  });
  /** The number of the first workgroup after each kernel's. */
  const ends: number[] = [];
  for (const { workgroups } of kernels) ends.push((ends.at(-1) ?? 0) + workgroups);
  const calls = kernels.map((_, k) => {
    const [begin, end] = [k === 0 ? '0u' : `ends[${k - 1}]`, `ends[${k}]`];
    const given: Record<string, string> = {
      workgroup_id: `vec3u(group - ${begin}, 0u, 0u)`,
      num_workgroups: `vec3u(${end} - ${begin}, 1u, 1u)`,
    };
    const passed = builtins[k]!.map(([name]) => given[name!] ?? name);
    return `if (group < ${end}) {\n  main_${k}(${passed.join(', ')});\n}`;
  });
  const code = [
    ...new Set(kernels.flatMap((kernel) => kernel.code.match(DIRECTIVE) ?? [])),
    ...texts,
    `@group(0) @binding(${bindings.length}) var<uniform> ends: vec4u;`,
    '@compute @workgroup_size(64)',
    `fn main(${[...parameters].map(([name, type]) => `@builtin(${name}) ${name}: ${type}`).join(', ')}) {`,
    'let group = workgroup_index_0(workgroup_id, num_workgroups);',
    calls.join(' else '),
    '}',
  ].join('\n');
  return {
    name: kernels.map(({ name }) => name).join(' | '),
    code,
    bindings: [...bindings, { kind: 'uniform', words: ends }],
    workgroups: ends.at(-1)!,
  };
}

/** The text with all that it declares renamed, its bindings numbered from `firstBinding`, and without directives. */
function renamed(code: string, suffix: string, firstBinding: number): string {
  const text = code
    .replace(/\/\/.*/g, '')
    .replace(DIRECTIVE, '')
    .replace(/@binding\((\d+)\)/g, (_, number) => `@binding(${Number(number) + firstBinding})`);
  const names = new Set([...text.matchAll(DECLARED)].map(([, name]) => name!));
  // Members keep their names: those behind a dot, and those before a colon in a struct.
  return text
    .split(/(struct\s+\w+\s*\{[^}]*\})/)
    .map((part, i) =>
      part.replace(/(\.?)\b([a-z_]\w*)\b(\s*:)?/gi, (all, dot: string, name: string, colon = '') =>
        dot || (i % 2 === 1 && colon) || !names.has(name) ? all : `${name}${suffix}${colon}`,
      ),
    )
    .join('');
}
