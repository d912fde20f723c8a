// What a card is made of; README.md beside this file shows how to write one.
import type { Device, nn, optim, Parameter, Value } from 'chainrule';
import type { Controls, SettingsOf } from './controls.ts';

/** `cards/<name>/meta.ts`: what the gallery shows and which settings there are. */
export interface CardMeta {
  readonly title: string;
  /** One sentence. */
  readonly summary: string;
  /** An inline SVG with the viewBox 0 0 160 100, drawn with the classes of `.thumbnail` in style.css. */
  readonly thumbnail: string;
  readonly controls: Controls;
  /** Small enough for the CPU backend where there is no WebGPU. */
  readonly tiny?: boolean;
}

/** What a trainer gets. */
export interface TrainerContext<Settings, Inputs> {
  readonly device: Device;
  /** The current settings; those that are `live` change while it trains. */
  readonly settings: Readonly<Settings>;
  /** What the panel has sent with `send`, the latest value by name. */
  readonly inputs: Readonly<Partial<Inputs>>;
  /** URL of the folder with the data. */
  readonly dataFolder: string;
  /** Told how many bytes of how many have arrived, or how much of what `doing` says is done. */
  readonly onProgress: (done: number, total: number, doing?: string) => void;
}

/** Anything with the figures of a compiled step. */
interface HasStats {
  readonly stats: { readonly bytes: number; readonly dispatches: number } | null;
  readonly rng: Parameter | null;
}

/** A network on a device, and how it trains: runs in the worker. */
export interface Trainer<View = unknown, Inputs = Record<string, unknown>> {
  /** Its state is what "Save weights" writes. */
  readonly model: nn.Module;
  /** Their rates follow the setting `lr`, if there is one. */
  readonly optimizers: readonly optim.Optimizer<optim.OptimizerOptions>[];
  /** The steps of training; their kernels and bytes are shown. */
  readonly steps: readonly HasStats[];
  /** Enqueue one step; returns scalars by the name of their series. Not every one of them is read. */
  train(): Promise<Readonly<Record<string, Value>>>;
  /** Slow figures by the name of their series, such as the accuracy on held-out data: takes a quarter of the time at most. */
  evaluate?(): Promise<Readonly<Record<string, number>>>;
  /** What the panel shows: now and then, when a live setting changes, and when an input does: `changed` is its name, otherwise null. */
  look?(changed: (keyof Inputs & string) | null): Promise<Partial<View>>;
  /** After a reset: begin the data anew. Parameters and optimizers are back at their start already. */
  restart?(): void;
}

export type OpenTrainer = (
  context: TrainerContext<Record<string, number | string>, Record<string, unknown>>,
) => Promise<Trainer>;

/** The default export of `cards/<name>/trainer.ts`. */
export function defineTrainer<Meta extends CardMeta, View, Inputs>(
  open: (context: TrainerContext<SettingsOf<Meta['controls']>, Inputs>) => Promise<Trainer<View, Inputs>>,
): OpenTrainer {
  return open as unknown as OpenTrainer;
}

/** An equation in TeX. `katex-plugin.ts` puts KaTeX's HTML in the place of tex`…` in a card.ts. */
export function tex(_source: TemplateStringsArray): string {
  throw new Error('expected katex-plugin.ts to have replaced tex`…`: it may contain no ${…}');
}

export interface Equation {
  /** HTML, from tex`…`. */
  readonly formula: string;
  /** What it says, in a few words. */
  readonly name: string;
  /** A piece of the line of model.ts that computes it. */
  readonly code: string;
}

export interface Series {
  readonly label: string;
  /** A colour of style.css, such as `--accent`, `--good`, `--warm` or `--bad`. */
  readonly colour: string;
  /** Show each point pale and a running mean bold: for noisy values. */
  readonly smooth?: boolean;
}

export interface Chart {
  readonly title: string;
  /** By the names that `train` and `evaluate` use. */
  readonly series: Readonly<Record<string, Series>>;
  readonly logarithmic?: boolean;
  /** Shown as a percentage from 0 to 1. */
  readonly share?: boolean;
}

/** What a panel may do with its network. */
export interface PanelContext<Inputs> {
  /** Set an input of the trainer; it is kept when the network is built anew. */
  send<Name extends keyof Inputs & string>(name: Name, value: Inputs[Name]): void;
}

/** The part of a card that only this family has. */
export interface Panel<View> {
  /** New values from the trainer's `look`. */
  show(view: Partial<View>): void;
  /** Takes away what the panel has put outside of its own element. */
  close?(): void;
}

export interface Card<View = unknown, Inputs = Record<string, unknown>> {
  readonly equations: readonly Equation[];
  readonly charts: readonly Chart[];
  /** Fill the element. */
  mount(element: HTMLElement, context: PanelContext<Inputs>): Panel<View>;
}

/** The default export of `cards/<name>/card.ts`. */
export function defineCard<View, Inputs>(card: Card<View, Inputs>): Card {
  return card as unknown as Card;
}
