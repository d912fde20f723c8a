import { data } from 'chainrule';
import type { TrainerContext } from '../../contract.ts';
import { fetchBytes } from '../../kit/fetch-bytes.ts';

/** One sonnet in so many is held out. */
const HELD_OUT = 10;

/** Shakespeare's 154 sonnets as numbers of characters. */
export interface Sonnets {
  readonly vocabulary: data.CharVocabulary;
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
}

/**
 * @param source the trainer's context: `sonnets-plugin.ts` serves and bundles the file of its folder
 * @throws DataError when the file does not arrive
 */
export async function loadSonnets({
  dataFolder,
  onProgress,
}: Pick<TrainerContext<unknown, unknown>, 'dataFolder' | 'onProgress'>): Promise<Sonnets> {
  let [bytes, total] = [0, 0];
  const file = await fetchBytes(
    new URL('sonnets.txt', dataFolder),
    (size) => (total = size),
    (arrived) => onProgress((bytes += arrived), total),
  );
  const text = data.parseText(file);
  const vocabulary = new data.CharVocabulary(text);
  const sonnets = text.split('\n\n');
  const isHeldOut = (i: number) => i % HELD_OUT === HELD_OUT - 1;
  const tokens = (which: (i: number) => boolean) =>
    vocabulary.encode(sonnets.filter((_, i) => which(i)).join('\n\n'));
  return { vocabulary, train: tokens((i) => !isHeldOut(i)), heldOut: tokens(isHeldOut) };
}
