import { element } from '../dom.ts';

/** A few options side by side, of which one is chosen. */
export class Segments {
  readonly element = element('fieldset', { class: 'inline', hidden: true });
  readonly #name: string;
  readonly #onChoose: () => void;
  #offered = '';
  #chosen = 0;

  /** @param name of the radio buttons; no others on the page may have it */
  constructor(name: string, onChoose: () => void) {
    this.#name = name;
    this.#onChoose = onChoose;
  }

  /** Index of the chosen option. */
  get chosen(): number {
    return this.#chosen;
  }

  /** The first option is chosen whenever there are others than before; a single one is not shown. */
  offer(legend: string, labels: readonly string[]): void {
    const offered = [legend, ...labels].join('\n');
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#chosen = 0;
    this.element.hidden = labels.length < 2;
    const options = labels.map((label, i) => {
      const input = element('input', {
        type: 'radio',
        name: this.#name,
        value: String(i),
        checked: i === 0,
      });
      input.addEventListener('change', () => {
        this.#chosen = i;
        this.#onChoose();
      });
      return element('label', {}, input, element('span', {}, label));
    });
    this.element.replaceChildren(
      element('legend', {}, legend),
      element('div', { class: 'segments' }, ...options),
    );
  }
}
