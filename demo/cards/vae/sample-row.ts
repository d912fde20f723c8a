import { button, element } from '../../dom.ts';
import { PIXELS, type Pixels } from '../../kit/digits.ts';
import { paint } from '../../kit/paint.ts';
import { SAMPLES } from './extent.ts';
import type { Position } from './latent-plane.ts';

/** Held-out digits, and below each what comes back of it; a click chooses its code on the plane. */
export class SampleRow {
  readonly element: HTMLElement;
  readonly #cells: { original: HTMLCanvasElement; back: HTMLCanvasElement }[];
  #codes: Float32Array = new Float32Array(2 * SAMPLES);

  constructor(onChoose: (code: Position) => void) {
    const canvas = () => element('canvas', { class: 'ink', width: '28', height: '28' });
    const buttons: HTMLButtonElement[] = [];
    this.#cells = Array.from({ length: SAMPLES }, (_, i) => {
      const cell = { original: canvas(), back: canvas() };
      const choose = button(
        '',
        () => onChoose([this.#codes[2 * i]!, this.#codes[2 * i + 1]!]),
        'sample pair',
      );
      choose.ariaLabel = `Find held-out digit ${i + 1} on the plane`;
      choose.append(cell.original, cell.back);
      buttons.push(choose);
      return cell;
    });
    this.element = element(
      'section',
      { class: 'card', 'aria-labelledby': 'pairs-title' },
      element(
        'header',
        { class: 'line' },
        element('h2', { id: 'pairs-title' }, 'Held-out digits, and what comes back'),
      ),
      element('div', { class: 'samples', id: 'pairs' }, ...buttons),
    );
  }

  show(samples: Pixels, reconstructions: Pixels, codes: Float32Array): void {
    this.#codes = codes;
    for (const [i, { original, back }] of this.#cells.entries()) {
      paint(original, samples.subarray(i * PIXELS, (i + 1) * PIXELS));
      paint(back, reconstructions.subarray(i * PIXELS, (i + 1) * PIXELS));
    }
  }
}
