import { element } from '../../dom.ts';
import { paintMap } from '../../kit/paint.ts';

const SIDE = 26;

/** What each filter of the first layer makes of a digit. */
export class FeatureMaps {
  readonly element: HTMLElement;
  readonly #maps = element('div', { class: 'maps', role: 'img', 'aria-label': 'Feature maps' });

  constructor() {
    this.element = element(
      'section',
      { class: 'card', 'aria-labelledby': 'maps-title' },
      element('header', { class: 'line' }, element('h2', { id: 'maps-title' }, 'What its first filters see')),
      this.#maps,
    );
  }

  /** @param maps [channels, 26, 26], not negative; null for a network without filters */
  show(maps: Float32Array | null): void {
    this.element.hidden = maps === null;
    if (!maps) return;
    const channels = maps.length / (SIDE * SIDE);
    while (this.#maps.childElementCount < channels) this.#maps.append(element('canvas', { class: 'ink' }));
    while (this.#maps.childElementCount > channels) this.#maps.lastElementChild!.remove();
    for (const [i, canvas] of [...this.#maps.children].entries()) {
      const map = maps.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
      const largest = map.reduce((a, b) => Math.max(a, b), 1e-6);
      paintMap(
        canvas as HTMLCanvasElement,
        map.map((value) => value / largest),
        SIDE,
      );
    }
  }
}
