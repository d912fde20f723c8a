import { button, element } from '../../dom.ts';
import { SAMPLES } from './extent.ts';
import type { Sample } from './trainer.ts';

/** Held-out dates as buttons, each with what the network reads. */
export class Samples {
  readonly element: HTMLElement;
  readonly #score = element('p', { class: 'quiet', id: 'score' });
  readonly #rows: { choose: HTMLButtonElement; written: HTMLElement; reading: HTMLElement }[];

  /** @param onChoose told the written date */
  constructor(onChoose: (written: string) => void) {
    this.#rows = Array.from({ length: SAMPLES }, () => {
      const [written, reading] = [element('span'), element('span', { class: 'iso' })];
      const choose = button('', () => onChoose(written.textContent!), 'date');
      choose.append(written, reading);
      return { choose, written, reading };
    });
    this.element = element(
      'section',
      { class: 'card', 'aria-labelledby': 'dates-title' },
      element(
        'header',
        { class: 'line' },
        element('h2', { id: 'dates-title' }, 'Dates it has never seen'),
        this.#score,
      ),
      element('div', { class: 'dates', id: 'dates' }, ...this.#rows.map(({ choose }) => choose)),
    );
  }

  show(samples: readonly Sample[], readings: readonly string[]): void {
    const right = samples.filter(({ iso }, i) => iso === readings[i]).length;
    this.#score.textContent = `${right} of ${samples.length} right`;
    for (const [i, { choose, written, reading }] of this.#rows.entries()) {
      const { iso, written: text } = samples[i]!;
      const isRight = readings[i] === iso;
      const name = `${text}, read as ${readings[i]}${isRight ? '' : `: wrong, it is ${iso}`}`;
      if (name === choose.ariaLabel) continue;
      choose.ariaLabel = choose.title = name;
      written.textContent = text;
      reading.dataset['right'] = String(isRight);
      reading.replaceChildren(
        ...Array.from(readings[i]!, (character, t) =>
          character === iso[t] ? character : element('b', {}, character),
        ),
      );
    }
  }
}
