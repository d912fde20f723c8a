import { element } from './dom.ts';
import type { Figures } from './protocol.ts';

const LABELS = {
  steps: 'Steps',
  ms: 'Time per step',
  rate: 'Speed',
  parameters: 'Parameters',
  memory: 'GPU memory',
  dispatches: 'Dispatches/step',
} as const;
type Name = keyof typeof LABELS;

/** How large the network is, and how fast it trains. */
export class Meters {
  readonly element: HTMLElement;
  readonly #figures = new Map<Name, HTMLElement>();

  constructor() {
    const items = Object.entries(LABELS).map(([name, label]) => {
      const figure = element('dd', { id: name }, '–');
      this.#figures.set(name as Name, figure);
      return element('div', {}, element('dt', {}, label), figure);
    });
    this.element = element('dl', { class: 'card meters' }, ...items);
  }

  showStep(step: number): void {
    this.#show('steps', step.toLocaleString('en'));
  }

  showSpeed({
    msPerStep,
    stepsPerSecond,
    step,
  }: {
    msPerStep: number;
    stepsPerSecond: number;
    step: number;
  }): void {
    this.showStep(step);
    this.#show('ms', rounded(msPerStep), 'ms');
    this.#show('rate', rounded(stepsPerSecond), 'steps/s');
  }

  showFigures({ bytes, dispatches, parameters }: Figures): void {
    this.#show('parameters', parameters.toLocaleString('en'));
    this.#show('dispatches', dispatches === null ? '–' : String(dispatches));
    if (bytes === null) this.#show('memory', '–');
    else if (bytes < 1e6) this.#show('memory', rounded(bytes / 1e3), 'kB');
    else this.#show('memory', rounded(bytes / 1e6), 'MB');
  }

  /** Back to step 0. */
  clear(): void {
    this.showStep(0);
    this.#show('ms', '–');
    this.#show('rate', '–');
  }

  #show(name: Name, text: string, unit?: string): void {
    this.#figures.get(name)!.replaceChildren(text, ...(unit ? [' ', element('small', {}, unit)] : []));
  }
}

const rounded = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
