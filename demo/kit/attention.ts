import type { Matrices } from './heat-maps.ts';

/** Spaces and ends of lines as signs that can be seen. */
export const visible = (character: string): string => ({ ' ': '␣', '\n': '↵' })[character] ?? character;

/**
 * The weights of all heads, named by the characters that look and by those that they look at.
 *
 * @param weights those of one row, of at least as many columns; heads are counted through the layers
 */
export function attentionMatrices(
  { depth, heads }: { depth: number; heads: number },
  looking: string,
  seen: string,
  weights: (head: number, row: number) => Float32Array,
): Matrices {
  const [rows, columns] = [Array.from(looking, visible), Array.from(seen, visible)];
  const size = rows.length * columns.length;
  const values = new Float32Array(depth * heads * size);
  for (let head = 0; head < depth * heads; head++)
    for (let row = 0; row < rows.length; row++)
      values.set(weights(head, row).subarray(0, columns.length), head * size + row * columns.length);
  return {
    values,
    layers: depth,
    part: 'Head',
    parts: Array.from({ length: heads }, (_, head) => String(head + 1)),
    rows,
    columns,
    signed: false,
  };
}
