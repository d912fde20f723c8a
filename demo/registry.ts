import type { Card, CardMeta } from './contract.ts';

/** The cards in the order of the gallery: names of folders in `cards/`. */
const NAMES = [
  'points',
  'backpropagation',
  'approximation',
  'regularisation',
  'digits',
  'residual',
  'text',
  'dates',
  'autoencoder',
  'vae',
  'gan',
  'semisupervised',
] as const;

const METAS = import.meta.glob<CardMeta>('./cards/*/meta.ts', { import: 'default', eager: true });
const CARDS = import.meta.glob<Card>('./cards/*/card.ts', { import: 'default' });
const SOURCES = import.meta.glob<string>('./cards/*/model.ts', { import: 'default', query: '?raw' });

export interface Entry {
  readonly name: string;
  readonly meta: CardMeta;
  /** What the page of the card needs; loaded when it is opened. */
  load(): Promise<{ card: Card; source: string }>;
}

export const entries: readonly Entry[] = NAMES.map((name) => ({
  name,
  meta: METAS[`./cards/${name}/meta.ts`]!,
  async load() {
    const [card, source] = await Promise.all([
      CARDS[`./cards/${name}/card.ts`]!(),
      SOURCES[`./cards/${name}/model.ts`]!(),
    ]);
    return { card, source };
  },
}));
