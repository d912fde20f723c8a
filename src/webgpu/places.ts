import { Tensor } from '../graph/index.ts';
import { paddedBytes, type Loop, type Scratch } from '../plan/index.ts';

/** Where a kernel finds a node's values, or the memory of a loop. */
export type Resolve = (value: Tensor | Scratch | 'scalars') => GPUBufferBinding;

/** The slice of its inputs that a loop reads at its step `step`. */
export const timeOf = ({ reverse, steps }: Loop, step: number) => (reverse ? steps - 1 - step : step);

/** The places of a loop's values at its step `step`, given those of the values around it. */
export function resolveInLoop(loop: Loop, step: number, outside: Resolve): Resolve {
  const t = timeOf(loop, step);
  const places = new Map<Tensor, GPUBufferBinding>();
  const put = (inside: Tensor, place: GPUBufferBinding, offset = 0) =>
    places.set(inside, { buffer: place.buffer, offset: place.offset! + offset, size: paddedBytes(inside) });
  const after = ({ last, other }: Loop['carries'][number], at: number) =>
    outside((loop.steps - 1 - at) % 2 === 0 ? last : other);
  for (const carry of loop.carries) {
    put(carry.inside, step === 0 ? outside(carry.initial) : after(carry, step - 1));
    put(carry.next, after(carry, step));
  }
  for (const { inside, outside: from, pitch } of loop.inputs) put(inside, outside(from), t * pitch);
  for (const { inside, part, pitch } of loop.stacks) put(inside, outside(part), t * pitch);
  return (value) => {
    if (value === 'scalars') return outside(value);
    if (!(value instanceof Tensor)) return outside(loop.slots[loop.body.slotOf.get(value)!]!);
    const slot = loop.body.slotOf.get(value);
    return slot === undefined
      ? places.get(value)!
      : { ...outside(loop.slots[slot]!), size: paddedBytes(value) };
  };
}
