import type { AttrsOf, Op, parameterOp } from '../graph/index.ts';
import type * as ops from './index.ts';

type Exported = (typeof ops)[keyof typeof ops] | typeof parameterOp;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type PrimitiveOp = Extract<Exported, Op<string, any>>;

/** The name of every op record. Tables typed `Record<PrimitiveName, …>` make a forgotten entry a type error. */
export type PrimitiveName = PrimitiveOp['name'];

/** The attributes of each op, by name. */
export type PrimitiveAttrs = {
  [Name in PrimitiveName]: AttrsOf<Extract<PrimitiveOp, { readonly name: Name }>>;
};

/** Ops whose values come from outside a step. */
export type SourceName = 'input' | 'parameter' | 'constant' | 'hostScalar' | 'placeholder';
/** A loop over a body, and its results. */
export type LoopName = 'scan' | 'scanFinal' | 'scanStack';
export type ViewName = 'reshape' | 'permute' | 'broadcast' | 'slice';
export type IndexedName = 'iota' | 'pad' | 'concat' | 'gather' | 'embedding' | 'random';
/** Ops with a kernel file of their own. */
export type KernelName =
  | 'sum'
  | 'max'
  | 'argmax'
  | 'matmul'
  | 'conv2d'
  | 'convTranspose2d'
  | 'conv2dWeightGrad'
  | 'conv2dWeightGradParts'
  | 'maxPool2d'
  | 'maxPool2dGrad'
  | 'maxPool2dPick'
  | 'avgPool2d'
  | 'avgPool2dGrad'
  | 'upsample'
  | 'upsampleGrad'
  | 'scatterAdd'
  | 'embeddingGrad'
  | 'attention'
  | 'attentionQueryGrad'
  | 'attentionKeyValueGrad';
/** Everything else: an op that no other list names must be in the elementwise table. */
export type PointwiseName = Exclude<
  PrimitiveName,
  SourceName | LoopName | ViewName | IndexedName | KernelName | 'fill'
>;
