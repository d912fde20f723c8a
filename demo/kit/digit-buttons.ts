import { button, element } from '../dom.ts';
import type { Pixels } from './digits.ts';
import { paintMap } from './paint.ts';

export interface DigitButtonsOptions {
  readonly id: string;
  readonly count: number;
  /** Images of each button, one below the other; default 1. */
  readonly images?: number;
  /** What the button of digit i does, for those who do not see it. */
  name(i: number): string;
  onChoose(i: number): void;
}

/** A grid of buttons, each of which shows an image, or several that belong together. */
export class DigitButtons {
  readonly element: HTMLElement;
  readonly #buttons: readonly HTMLButtonElement[];

  constructor({ id, count, images = 1, name, onChoose }: DigitButtonsOptions) {
    this.#buttons = Array.from({ length: count }, (_, i) => {
      const made = button('', () => onChoose(i), 'sample');
      made.ariaLabel = name(i);
      for (let row = 0; row < images; row++)
        made.append(element('canvas', { class: 'ink', width: '28', height: '28' }));
      return made;
    });
    this.element = element('div', { class: 'samples', id }, ...this.#buttons);
  }

  /** @param rows square images: the first of every button, the second of every button …; null takes them away */
  show(...rows: readonly (Pixels | null)[]): void {
    for (const [i, { children }] of this.#buttons.entries()) {
      for (const [row, pixels] of rows.entries()) {
        const canvas = children[row] as HTMLCanvasElement;
        canvas.hidden = pixels === null;
        if (!pixels) continue;
        const size = pixels.length / this.#buttons.length;
        paintMap(canvas, pixels.subarray(i * size, (i + 1) * size), Math.sqrt(size));
      }
    }
  }

  /** Mark one as chosen, or none. */
  press(chosen: number | null): void {
    for (const [i, each] of this.#buttons.entries()) each.ariaPressed = String(i === chosen);
  }
}
