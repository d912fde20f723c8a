import type { Parameter } from '../graph/index.ts';

/** Where a parameter lies: at `offset` bytes of a buffer that it shares with the others of its arena. */
export interface Place {
  readonly arena: object;
  readonly offset: number;
}

/** The place of a parameter; undefined for one with a buffer of its own. */
export type PlaceOf = (parameter: Parameter) => Place | undefined;
