import { BYTES_PER_ELEMENT, type Parameter } from '../graph/index.ts';
import { paddedBytes, type Place } from '../plan/index.ts';

/** Every binding may begin at a multiple of this (the largest that WebGPU lets an adapter ask for). */
const ALIGNMENT = 256;

/** A buffer that parameters share. */
export interface Arena {
  bytes: number;
  buffer: GPUBuffer | null;
}

/**
 * Which parameters share a buffer, and where in it. Parameters that appear together lie one behind the other; what is
 * stored like them (moments) lies in arenas of its own in the same order and at the same distances, so that one dispatch
 * can go through all of them.
 */
export class Arenas {
  readonly #places = new Map<Parameter, Place & { readonly arena: Arena }>();
  readonly #moments = new Map<Parameter, number>();

  placeOf(parameter: Parameter): (Place & { readonly arena: Arena }) | undefined {
    return this.#places.get(parameter);
  }

  /**
   * Give places to parameters that have none yet.
   *
   * @param parameters of one program, none of them on the device yet
   * @param limit bytes of the largest arena
   */
  arrange(parameters: readonly Parameter[], limit: number): void {
    // A single element is read by all lanes of a kernel at once, so it has no part in running through an arena.
    const shared = parameters.filter(
      (p) => p.dtype === 'f32' && p.size > 1 && p.size * BYTES_PER_ELEMENT <= limit && !this.#places.has(p),
    );
    let arena: Arena = { bytes: 0, buffer: null };
    for (const parameter of shared) {
      if (!parameter.trainable || parameter.like) continue;
      if (arena.bytes + paddedBytes(parameter) > limit) arena = { bytes: 0, buffer: null };
      this.#places.set(parameter, { arena, offset: arena.bytes });
      arena.bytes += Math.ceil(paddedBytes(parameter) / ALIGNMENT) * ALIGNMENT;
    }
    this.#arrangeLike(shared.filter(({ like }) => like && this.#places.has(like)));
  }

  /** Moments by their owner's arena and by which moment of it they are, at their owners' distances. */
  #arrangeLike(moments: readonly Parameter[]): void {
    const groups = new Map<Arena, Parameter[][]>();
    for (const moment of moments) {
      const owner = moment.like!;
      const which = this.#moments.get(owner) ?? 0;
      this.#moments.set(owner, which + 1);
      const { arena } = this.#places.get(owner)!;
      const lists = groups.get(arena) ?? [];
      groups.set(arena, lists);
      (lists[which] ??= []).push(moment);
    }
    for (const list of [...groups.values()].flat()) {
      const offsetOf = (moment: Parameter) => this.#places.get(moment.like!)!.offset;
      const first = Math.min(...list.map(offsetOf));
      const arena: Arena = { bytes: 0, buffer: null };
      for (const moment of list) {
        const offset = offsetOf(moment) - first;
        this.#places.set(moment, { arena, offset });
        arena.bytes = Math.max(arena.bytes, offset + paddedBytes(moment));
      }
    }
  }
}
