import { LAST } from './extent.ts';

/** The formulas, in the order in which they are used. */
export const PHASES = ['forward', 'loss', 'output error', 'backward', 'gradients', 'update'] as const;
export type Phase = (typeof PHASES)[number];

/** A piece of the algorithm: what one layer computes, or all of them. */
export interface Part {
  readonly phase: Phase;
  /** null: all layers. */
  readonly layer: number | null;
  readonly title: string;
}

const layers = Array.from({ length: LAST }, (_, i) => i + 1);

export const PARTS: readonly Part[] = [
  { phase: 'forward', layer: 0, title: 'Input' },
  ...layers.map((layer): Part => ({ phase: 'forward', layer, title: `Forward, layer ${layer}` })),
  { phase: 'loss', layer: LAST, title: 'Loss' },
  { phase: 'output error', layer: LAST, title: 'Error of the output' },
  ...layers
    .slice(0, -1)
    .toReversed()
    .map((layer): Part => ({ phase: 'backward', layer, title: `Backward, layer ${layer}` })),
  { phase: 'gradients', layer: null, title: 'Gradients' },
  { phase: 'update', layer: null, title: 'Update' },
];

export const firstOf = (phase: Phase): number => PARTS.findIndex((part) => part.phase === phase);

/** Whether z and h of a layer are known at a part, whether t and the loss are, and whether the layer's δ is. */
export const knowsForward = (part: number, layer: number): boolean => part >= layer;
export const knowsLoss = (part: number): boolean => part >= firstOf('loss');
export const knowsDelta = (part: number, layer: number): boolean =>
  part >= firstOf('output error') + LAST - layer;

/** The part in which a layer does what it has to do now: forward as long as the loss is not known. */
export function partOf(layer: number, current: number): number {
  if (layer === 0 || current <= firstOf('loss')) return layer;
  return PARTS[current]!.layer === null ? current : firstOf('output error') + LAST - layer;
}
