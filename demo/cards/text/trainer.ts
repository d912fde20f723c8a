import { HostRandom } from 'chainrule';
import { defineTrainer } from '../../contract.ts';
import { attentionMatrices, visible } from '../../kit/attention.ts';
import type { Matrices } from '../../kit/heat-maps.ts';
import { LETTERS, LONGEST_PROMPT } from './extent.ts';
import type meta from './meta.ts';
import { build } from './model.ts';
import { loadSonnets } from './sonnets.ts';

export interface View {
  /** The characters of the prompt that the sonnets have. */
  readonly prompt: string;
  /** What the network writes after it; empty when it has diverged. */
  readonly written: string;
  /** What a Transformer attends to, or what a recurrent network keeps in mind, around the end of the prompt. */
  readonly maps: Matrices;
}

export interface Inputs {
  readonly prompt: string;
  /** Another number is another text. */
  readonly draw: number;
}

/** Characters that the maps show. */
const PLACES = 24;
/** Held-out windows that are tested. */
const TESTED = 32;

type Windows = { x: Int32Array; y: Int32Array };
type Sizes = { depth: number; hidden: number };

export default defineTrainer<typeof meta, View, Inputs>(async (context) => {
  const { device, inputs, settings } = context;
  const { heldOut, train: tokens, vocabulary } = await loadSonnets(context);
  const sizes = { characters: vocabulary.size, letters: LETTERS };
  const { model, optimizer, train, test, write } = await build(device, settings, sizes);
  const tested = windowsAt(spread(heldOut, TESTED, settings.context), heldOut, settings.context);
  const known = new Set(vocabulary.tokens);
  let random = new HostRandom(settings.seed, 'batches');

  return {
    model,
    optimizers: [optimizer],
    steps: [train],

    train() {
      const places = tokens.length - settings.context;
      const starts = Array.from({ length: settings.batch }, () => Math.floor(random.uniform() * places));
      return train(windowsAt(starts, tokens, settings.context));
    },

    async evaluate() {
      return { perplexity: Math.exp(await (await test(tested)).loss.item()) };
    },

    async look() {
      const given = Array.from(inputs.prompt ?? '').filter((character) => known.has(character));
      const prompt = given.slice(0, LONGEST_PROMPT).join('');
      const start = vocabulary.encode(`\n${prompt}`);
      // the same numbers each time, so that only what it has learned makes a difference
      const letters = new HostRandom(settings.seed, `letters ${inputs.draw ?? 0}`);
      const { text, maps } = await write(start, letters, settings);
      const from = Math.max(0, start.length - PLACES / 2);
      const shown = vocabulary.decode(text.slice(from, Math.min(from + PLACES, maps.length)));
      return {
        prompt,
        written: vocabulary.decode(text.slice(start.length)),
        maps:
          settings.model === 'Transformer'
            ? // maps of a character are [depth, heads, LETTERS]
              attentionMatrices(settings, shown, shown, (head, row) =>
                maps[from + row]!.subarray(head * LETTERS + from),
              )
            : stateMaps(maps, shown, from, settings),
      };
    },

    restart() {
      random = new HostRandom(settings.seed, 'batches');
    },
  };
});

/** Characters from each start, and those that follow them. */
function windowsAt(starts: readonly number[], tokens: Int32Array, length: number): Windows {
  const [x, y] = [new Int32Array(starts.length * length), new Int32Array(starts.length * length)];
  for (const [i, start] of starts.entries()) {
    x.set(tokens.subarray(start, start + length), i * length);
    y.set(tokens.subarray(start + 1, start + 1 + length), i * length);
  }
  return { x, y };
}

/** Where `count` windows start that are spread over a text. */
function spread(tokens: Int32Array, count: number, length: number): number[] {
  const places = tokens.length - length;
  return Array.from({ length: count }, (_, i) => Math.floor((i * places) / count));
}

/** The states after every shown character; `maps` are [depth, states, hidden], one for each character of the text. */
function stateMaps(maps: readonly Float32Array[], shown: string, from: number, settings: Sizes): Matrices {
  const columns = Array.from(shown, visible);
  const { depth, hidden } = settings;
  const units = maps[0]!.length;
  const values = Array.from({ length: units }, (_, unit) =>
    columns.map((_name, i) => maps[from + i]![unit]!),
  );
  return {
    values: Float32Array.from(values.flat()),
    layers: depth,
    part: 'State',
    parts: units > depth * hidden ? ['h', 'c'] : ['h'],
    rows: Array.from({ length: hidden }, (_, unit) =>
      (unit + 1) % (hidden / 8) === 0 ? String(unit + 1) : '',
    ),
    columns,
    signed: true,
  };
}
