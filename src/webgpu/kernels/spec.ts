import type { Tensor } from '../../graph/index.ts';
import type { KernelName, PrimitiveAttrs } from '../../ops/primitives.ts';
import type { View } from '../../plan/index.ts';
import type { Width } from '../generate.ts';

/** A shader file as the build hands it over: its text and the bindings it declares, reflected from the text. */
export interface ShaderSource {
  readonly name: string;
  readonly code: string;
  readonly bindings: readonly {
    readonly binding: number;
    readonly name: string;
    readonly kind: 'storage-read' | 'storage-read-write' | 'uniform';
    readonly members?: readonly string[];
  }[];
}

/** What the choice of a kernel may depend on besides the op. */
export interface Adapter {
  /** Runs on a CPU: large register tiles pay even where they leave few workgroups. */
  readonly software: boolean;
  /** Most lanes a subgroup may have, or 0 where a workgroup of 64 is not made of whole subgroups. */
  readonly subgroupSize: number;
}

/** The variant of a kernel to run, by `tuningKey`. Kernels that are not in it run as is usual on such an adapter. */
export type Tuning = ReadonlyMap<string, string>;

/** One way to run a kernel op. */
export interface KernelSpec {
  readonly shader: ShaderSource;
  readonly libraries: readonly ShaderSource[];
  /** Injected names: numbers, booleans, and types (as text). */
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  /** Members of the shader's Sizes struct, by name. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly workgroups: number;
  /** Which inputs of the op the shader's storage bindings are, in order. */
  readonly operands: readonly number[];
  /** Elements that one call of `epilogue` (or `map`) and of `element` covers. */
  readonly epilogueWidth: Width;
  readonly prologueWidth?: Width;
}

export type Choose<Attrs> = (
  node: Tensor,
  attrs: Attrs,
  views: readonly View[],
  adapter: Adapter,
) => KernelSpec;

/** Ops with a kernel of their own. */
export type AnchorName = Exclude<KernelName, 'sum' | 'max'>;

/** The kernel for each of some ops. */
export type KernelTable<Name extends AnchorName = AnchorName> = {
  readonly [N in Name]: Choose<PrimitiveAttrs[N]>;
};

/**
 * Lanes of a quad may share what they load. On a software adapter, where a load costs more than arithmetic, that takes 0.5 to
 * 0.8 of the time; elsewhere `tune` finds out.
 */
export const prefersQuads = ({ software, subgroupSize }: Adapter) => software && subgroupSize > 0;

export const ceilDiv = (a: number, b: number) => Math.ceil(a / b);
export const widthOf = (size: number): Width => (size % 4 === 0 ? 4 : 1);

/** Invocations in a workgroup of every kernel here. */
export const WORKGROUP = 64;
