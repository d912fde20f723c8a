import { Parameter, type Tensor } from '../graph/index.ts';

/** Where a parameter lies: at `offset` bytes of a buffer that it shares with the others of its arena. */
export interface Place {
  readonly arena: object;
  readonly offset: number;
}

/** The place of a parameter; undefined for one with a buffer of its own. */
export type PlaceOf = (parameter: Parameter) => Place | undefined;

/** The parameter in whose buffer a value lies: itself, or the one whose next value it is. */
export const parameterOf = (value: Tensor, updates: ReadonlyMap<Tensor, Parameter>): Parameter | undefined =>
  value instanceof Parameter ? value : updates.get(value);
