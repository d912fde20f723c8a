import workgroupLibrary from '../../shaders/lib/workgroup.wgsl';
import { ChainruleError, type Tensor } from '../graph/index.ts';
import { describeKernel, type Kernel, type Plan } from '../plan/index.ts';
import { Generator, type BufferOf } from './generate.ts';
import type { KernelSpec } from './kernels/index.ts';
import type { Library } from './libraries.ts';

/** A buffer in the order of binding numbers; uniforms carry their contents. */
export type ComposedBinding =
  | { readonly kind: 'uniform'; readonly words: readonly number[] }
  | { readonly kind: 'read' | 'read_write'; readonly buffer: BufferOf };

/** A buffer's part of a binding. */
export type Bound = Extract<ComposedBinding, { readonly buffer: unknown }>;

/** Whose buffer a binding means. */
export const valueOf = ({ buffer }: Bound): Tensor | 'scalars' =>
  buffer === 'scalars' ? buffer : buffer.node;

/** A dispatch ready to become a pipeline and a bind group. */
export interface Composed {
  readonly name: string;
  readonly code: string;
  readonly bindings: readonly ComposedBinding[];
  readonly workgroups: number;
}

/**
 * The complete text and binding table of one kernel, run as `spec` says.
 *
 * @param loaded what code of the plan may call
 */
export function compose(
  kernel: Kernel,
  plan: Plan,
  scalarIndex: ReadonlyMap<Tensor, number>,
  spec: KernelSpec,
  loaded: readonly Library[],
): Composed {
  const generator = new Generator(plan, kernel, scalarIndex, spec.epilogueWidth, spec.prologueWidth ?? 1);
  const generated = generator.finish(spec.shader.bindings.length);
  const called = loaded.filter(({ calls }) => calls.test(generated.code)).map(({ source }) => source);
  const libraries = [workgroupLibrary, ...spec.libraries, ...called];
  const sources = [spec.shader, ...spec.libraries];
  const uses = (call: RegExp) => sources.some((source) => call.test(source.code));
  const usesQuads = uses(/quad(Swap[XY]|Broadcast)\(/);
  const usesSubgroups = usesQuads || uses(/subgroup[A-Z]\w*\(/);
  const code = [
    usesSubgroups ? 'enable subgroups;' : '',
    // Quads return as a whole.
    usesQuads ? 'diagnostic(off, subgroup_uniformity);' : '',
    ...Object.entries(spec.constants).map(([name, value]) => declare(name, value)),
    spec.shader.code,
    ...libraries.map((library) => library.code),
    generated.code,
  ]
    .filter(Boolean)
    .join('\n');

  let operand = 0;
  const staticBindings = spec.shader.bindings.map((binding): ComposedBinding => {
    if (binding.kind === 'uniform') return { kind: 'uniform', words: sizeWords(spec, binding.members ?? []) };
    const view = plan.views.get(kernel.anchor!.inputs[spec.operands[operand++]!]!)!;
    return { kind: 'read', buffer: { node: view.base } };
  });
  const dims: ComposedBinding[] =
    generated.dims.length > 0 ? [{ kind: 'uniform', words: generated.dims }] : [];
  const buffers = generated.bindings.map(
    (binding): ComposedBinding => ({ kind: binding.access, buffer: binding.target }),
  );
  return {
    name: describeKernel(kernel),
    code,
    bindings: [...staticBindings, ...dims, ...buffers],
    workgroups: spec.workgroups,
  };
}

function declare(name: string, value: number | boolean | string): string {
  if (typeof value === 'number') return `const ${name} = ${value}u;`;
  if (typeof value === 'boolean') return `const ${name} = ${value};`;
  return /^\d/.test(value) ? `const ${name} = ${value};` : `alias ${name} = ${value};`;
}

/** The Sizes uniform in the order in which the shader declares its members. */
function sizeWords({ shader, sizes }: KernelSpec, members: readonly string[]): number[] {
  const given = Object.keys(sizes);
  if (given.length !== members.length || !members.every((name) => name in sizes)) {
    throw new ChainruleError(
      `${shader.name} kernel: expected sizes ${members.join(', ')} (declared in shaders/${shader.name}.wgsl), got ${given.join(', ')}`,
    );
  }
  return members.map((name) => sizes[name]!);
}
