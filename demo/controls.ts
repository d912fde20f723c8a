// The settings of a card: declared in its meta.ts, shown above the panel, carried by the link.

export interface Range {
  readonly kind: 'range';
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
  /** The slider moves over the value itself or over its logarithm; on a binary one stand powers of two. */
  readonly scale: 'linear' | 'decimal' | 'binary';
  readonly step: number;
  /** Applies while training goes on; the others build the network anew. */
  readonly live: boolean;
}

export interface Choice<Option extends string = string> {
  readonly kind: 'choice';
  readonly label: string;
  /** Label by option. */
  readonly options: Readonly<Record<Option, string>>;
  readonly value: Option;
  readonly live: boolean;
}

export interface WholeNumber {
  readonly kind: 'whole number';
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
  readonly live: boolean;
}

export type Control = Range | Choice | WholeNumber;
export type Controls = Readonly<Record<string, Control>>;
export type SettingsOf<C extends Controls> = {
  -readonly [Name in keyof C]: C[Name] extends Choice<infer Option> ? Option : number;
};
export type Settings = Record<string, number | string>;

type RangeOptions = Pick<Range, 'label' | 'min' | 'max' | 'value'> & Partial<Range>;

export const range = (options: RangeOptions): Range => ({
  kind: 'range',
  scale: 'linear',
  step: options.scale === 'decimal' ? 0.05 : 1,
  live: false,
  ...options,
});

export const choice = <const Option extends string>(
  label: string,
  options: Readonly<Record<Option, string>>,
  value: NoInfer<Option>,
  { live = false } = {},
): Choice<Option> => ({ kind: 'choice', label, options, value, live });

/** The settings that most cards have. */
export const learningRate = (value: number): Range =>
  range({ label: 'Learning rate', min: 1e-4, max: 1, value, scale: 'decimal', live: true });
export const batchSize = (value: number, [min, max] = [16, 256]): Range =>
  range({ label: 'Batch', min: min!, max: max!, value, scale: 'binary', live: true });
export const seed = (): WholeNumber => ({
  kind: 'whole number',
  label: 'Seed',
  min: 0,
  max: 9999,
  value: 0,
  live: false,
});
/** By the names of the classes in `optim`. */
export const optimizer = (value: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion' = 'Adam') =>
  choice('Optimizer', { SGD: 'SGD', Adam: 'Adam', AdamW: 'AdamW', RMSprop: 'RMSprop', Lion: 'Lion' }, value);

export function defaults(controls: Controls): Settings {
  return Object.fromEntries(Object.entries(controls).map(([name, { value }]) => [name, value]));
}

/** What a link says, where it is possible, and the defaults. */
export function settingsOf(controls: Controls, link: URLSearchParams): Settings {
  const settings = defaults(controls);
  for (const [name, control] of Object.entries(controls)) {
    const text = link.get(name);
    if (text === null) continue;
    if (control.kind === 'choice') {
      if (text in control.options) settings[name] = text;
    } else if (text !== '' && Number.isFinite(Number(text))) {
      const value = Math.min(control.max, Math.max(control.min, Number(text)));
      settings[name] = control.kind === 'range' ? atNotch(control, value) : Math.round(value);
    }
  }
  return settings;
}

/** The settings that differ from the defaults, as a query. */
export function linkOf(controls: Controls, settings: Settings): URLSearchParams {
  const changed = Object.entries(controls).filter(([name, { value }]) => settings[name] !== value);
  return new URLSearchParams(changed.map(([name]) => [name, String(settings[name])]));
}

/** Where the slider stands at a value, and back. */
export const positionOf = ({ scale }: Range, value: number) =>
  scale === 'decimal' ? Math.log10(value) : scale === 'binary' ? Math.log2(value) : value;
export const valueAt = ({ scale }: Range, position: number) =>
  scale === 'decimal'
    ? Number((10 ** position).toPrecision(2))
    : scale === 'binary'
      ? 2 ** position
      : Number(position.toPrecision(6));

function atNotch(control: Range, value: number): number {
  if (control.scale === 'decimal') return Number(value.toPrecision(2));
  const [position, start] = [positionOf(control, value), positionOf(control, control.min)];
  return valueAt(control, start + Math.round((position - start) / control.step) * control.step);
}
