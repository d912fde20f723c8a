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
