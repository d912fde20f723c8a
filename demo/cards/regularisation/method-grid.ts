import { element } from '../../dom.ts';
import { drawField, drawPoints } from '../../kit/field.ts';
import type { Points } from '../../kit/points.ts';
import { Surface } from '../../kit/surface.ts';
import { METHODS, NAMES, type Method } from './methods.ts';
import type { Outcome } from './trainer.ts';

/** The decisions of all networks side by side, over points. */
export class MethodGrid {
  readonly element: HTMLElement;
  readonly #pictures: readonly {
    readonly method: Method;
    readonly canvas: HTMLCanvasElement;
    readonly surface: Surface;
    readonly accuracy: HTMLElement;
  }[];
  #outcomes: Readonly<Record<Method, Outcome>> | null = null;
  #points: Points = { x: new Float32Array(), y: new Int32Array() };

  constructor() {
    this.#pictures = NAMES.map((method) => {
      const canvas = element('canvas', { id: `decides-${method}`, role: 'img' });
      const surface = new Surface(canvas, (context, { width }, style) => {
        if (!this.#outcomes) return;
        drawField(context, this.#outcomes[method].field, width, style);
        drawPoints(context, this.#points, width, Math.max(width / 80, 2.5 * devicePixelRatio), style);
      });
      return { method, canvas, surface, accuracy: element('span', { class: 'accuracy' }) };
    });
    const figures = this.#pictures.map(({ method, canvas, accuracy }) =>
      element(
        'figure',
        {},
        canvas,
        element('figcaption', {}, element('span', {}, METHODS[method]), accuracy),
      ),
    );
    this.element = element('div', { class: 'decisions' }, ...figures);
  }

  close(): void {
    for (const { surface } of this.#pictures) surface.close();
  }

  /** @param share of them that each network gets right */
  show(outcomes: Readonly<Record<Method, Outcome>>, points: Points, share: 'learned' | 'heldOut'): void {
    this.#outcomes = outcomes;
    this.#points = points;
    for (const { method, canvas, surface, accuracy } of this.#pictures) {
      accuracy.textContent = percent(outcomes[method][share]);
      canvas.ariaLabel = `Decisions with ${METHODS[method]}: ${percent(outcomes[method][share])} right`;
      surface.draw();
    }
  }
}

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
