import type { Pixels } from '../../kit/digits.ts';

/** Samples as they were after some step. */
export interface Snapshot {
  readonly step: number;
  readonly images: Pixels;
}

/** When there are more, every other one goes, and from then on they are taken half as often. */
const MOST = 8;
/** Steps between the first ones. */
const AT_FIRST = 10;

/** The past in a few pictures, however long it is. */
export class Snapshots {
  list: Snapshot[] = [];
  #every = AT_FIRST;

  /** Keep it if it is time to; @returns whether the list has changed */
  offer(snapshot: Snapshot): boolean {
    const last = this.list.at(-1);
    if (last && snapshot.step < last.step + this.#every) return false;
    this.list.push(snapshot);
    if (this.list.length > MOST) {
      this.list = this.list.filter((_, i) => i % 2 === 0);
      this.#every *= 2;
    }
    return true;
  }
}
