import { element } from '../../dom.ts';
import { LABELS } from './extent.ts';
import type { Both } from './trainer.ts';

const ROWS = [
  ['pixels', 'pixels'],
  ['code', 'code'],
] as const;

/** A figure for each number of labels, of the classifiers of pixels and of those of codes. */
export class BothTable {
  readonly element: HTMLElement;
  readonly #cells: Readonly<Record<keyof Both, readonly HTMLElement[]>>;
  readonly #format: (value: number) => string;

  constructor(id: string, caption: string, format: (value: number) => string) {
    this.#format = format;
    const cells = () => LABELS.map(() => element('td', {}));
    this.#cells = { pixels: cells(), code: cells() };
    this.element = element(
      'table',
      { class: 'both', id },
      element('caption', { class: 'hidden' }, caption),
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          element('th', { scope: 'col' }, 'Labels'),
          ...LABELS.map((labels) => element('th', { scope: 'col' }, String(labels))),
        ),
      ),
      element(
        'tbody',
        {},
        ...ROWS.map(([of, name]) =>
          element(
            'tr',
            {},
            element('th', { scope: 'row' }, element('i', { class: `key key-${of}` }), name),
            ...this.#cells[of],
          ),
        ),
      ),
    );
    this.show(null);
  }

  show(both: Both | null): void {
    for (const [of] of ROWS)
      for (const [k, cell] of this.#cells[of].entries())
        cell.textContent = both ? this.#format(both[of][k]!) : '–';
  }
}
