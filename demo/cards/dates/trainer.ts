import { data, HostRandom } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { attentionMatrices } from '../../kit/attention.ts';
import type { Matrices } from '../../kit/heat-maps.ts';
import { ISO, SAMPLES, WRITTEN } from './extent.ts';
import type meta from './meta.ts';
import { build, PADDING } from './model.ts';

/** A held-out date, and what it is in ISO 8601. */
export interface Sample {
  readonly written: string;
  readonly iso: string;
}

export interface View {
  readonly samples: readonly Sample[];
  /** What the network makes of each sample. */
  readonly readings: readonly string[];
  /** What it makes of the typed date. */
  readonly reading: string;
  /** Whether the typed date is a way to write what it reads. */
  readonly right: boolean;
  /** Where it looked for each character of the reading. */
  readonly maps: Matrices;
}

export interface Inputs {
  readonly typed: string;
}

const TRAINED = 20_000;
const TESTED = 100;
const MS_PER_DAY = 86_400_000;
/** In place of what is no character: an untrained network writes it. */
const NOTHING = '·';

export default defineTrainer<typeof meta, View, Inputs>(async ({ device, inputs, settings }) => {
  const pairs = data.writtenDates({ train: TRAINED, heldOut: TESTED, seed: settings.seed });
  const text = [...pairs.train.written, ...pairs.train.iso].join('');
  const vocabulary = new data.CharVocabulary(text, ['<padding>', '<start>']);
  const known = new Set(vocabulary.tokens);
  const sizes = { characters: vocabulary.size, written: WRITTEN, iso: ISO };
  const { model, optimizer, train, test, translate } = await build(device, settings, sizes);
  let random = new HostRandom(settings.seed, 'batches');

  const idsOf = (texts: readonly string[], length: number) =>
    data.padSequences(
      texts.map((each) => vocabulary.encode(each)),
      { value: PADDING, length },
    ).ids;
  const x = idsOf(pairs.train.written, WRITTEN);
  const y = idsOf(pairs.train.iso, ISO);
  const heldOut = { x: idsOf(pairs.heldOut.written, WRITTEN), y: idsOf(pairs.heldOut.iso, ISO) };
  const samples = Array.from({ length: SAMPLES }, (_, i) => ({
    written: pairs.heldOut.written[i]!,
    iso: pairs.heldOut.iso[i]!,
  }));
  const read = (ids: Int32Array) => Array.from(ids, (id) => vocabulary.decode([id]) || NOTHING).join('');

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train() {
      const rows = Array.from({ length: settings.batch }, () => Math.floor(random.uniform() * TRAINED));
      return train({ x: gather(x, WRITTEN, rows), y: gather(y, ISO, rows) });
    },

    async evaluate() {
      const likeliest = await (await test(heldOut)).likeliest.data();
      const isRight = Array.from(likeliest, (id, i) => id === heldOut.y[i]);
      const rows = Array.from({ length: TESTED }, (_, row) => isRight.slice(row * ISO, (row + 1) * ISO));
      return {
        exact: rows.filter((row) => row.every(Boolean)).length / TESTED,
        characters: isRight.filter(Boolean).length / isRight.length,
      };
    },

    async look() {
      const typed = Array.from(inputs.typed ?? '').filter((character) => known.has(character));
      const ofTyped = typed.slice(0, WRITTEN).join('');
      const written = [ofTyped, ...samples.map((sample) => sample.written)];
      const found = await translate({ x: idsOf(written, WRITTEN) });
      const [ids, weights] = await Promise.all([found.y.data(), found.weights.data()]);
      const at = (row: number) => read((ids as Int32Array).subarray(row * ISO, (row + 1) * ISO));
      const reading = at(0);
      return {
        samples,
        readings: samples.map((_, i) => at(i + 1)),
        reading,
        right: isFormOf(reading, ofTyped),
        // weights are [rows, depth · heads, ISO, WRITTEN]
        maps: attentionMatrices(settings, reading, ofTyped, (head, row) =>
          (weights as Float32Array).subarray((head * ISO + row) * WRITTEN),
        ),
      };
    },

    restart() {
      random = new HostRandom(settings.seed, 'batches');
    },
  };
});

/** Some rows of a table [n, width]. */
function gather(table: Int32Array, width: number, rows: readonly number[]): Int32Array {
  const gathered = new Int32Array(rows.length * width);
  for (const [i, row] of rows.entries())
    gathered.set(table.subarray(row * width, (row + 1) * width), i * width);
  return gathered;
}

function isFormOf(iso: string, written: string): boolean {
  const day = Date.parse(iso) / MS_PER_DAY;
  if (!Number.isInteger(day)) return false;
  const forms = data.writtenForms(day);
  return forms.iso === iso && forms.written.includes(written); // some parse 2021-02-31 as 2021-03-03
}
