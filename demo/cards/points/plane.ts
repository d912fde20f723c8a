import { element } from '../../dom.ts';
import { ARROWS } from '../../kit/arrows.ts';
import { drawField, drawPoints, placeOf } from '../../kit/field.ts';
import type { Points } from '../../kit/points.ts';
import { Surface } from '../../kit/surface.ts';

type Position = readonly [x: number, y: number];

const KEY_STEP = 0.05;

/** The square [−1, 1]²: class probabilities as a field of two colours, points on it, and a place to add some. */
export class Plane {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #onAdd: (position: Position) => void;
  readonly #surface: Surface;
  #field: Float32Array | null = null;
  #points: Points = { x: new Float32Array(), y: new Int32Array() };
  #cursor: Position | null = null;

  constructor(onAdd: (position: Position) => void) {
    this.#onAdd = onAdd;
    this.#canvas = element('canvas', {
      tabindex: '0',
      role: 'application',
      'aria-label': 'Plane with the points. Arrow keys move a cross, Enter adds a point there.',
    });
    this.element = element('div', { class: 'plane' }, this.#canvas);
    this.#canvas.addEventListener('pointerdown', (event) => {
      const { left, top, width, height } = this.#canvas.getBoundingClientRect();
      onAdd([(2 * (event.clientX - left)) / width - 1, 1 - (2 * (event.clientY - top)) / height]);
    });
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
    this.#canvas.addEventListener('blur', () => {
      this.#cursor = null;
      this.#surface.draw();
    });
    this.#surface = new Surface(this.#canvas, (context, { width }, style) =>
      this.#paint(context, width, style),
    );
  }

  close(): void {
    this.#surface.close();
  }

  /** @param field probability of class 1, row by row from the top left of a square grid */
  show(field: Float32Array, points: Points): void {
    this.#field = field;
    this.#points = points;
    this.#surface.draw();
  }

  #key(event: KeyboardEvent): void {
    const [x, y] = this.#cursor ?? [0, 0];
    const move = ARROWS[event.key];
    if (move) {
      const within = (value: number) => Math.min(1, Math.max(-1, value));
      this.#cursor = [within(x + KEY_STEP * move[0]), within(y + KEY_STEP * move[1])];
      this.#surface.draw();
    } else if (event.key === 'Enter' || event.key === ' ') this.#onAdd([x, y]);
    else return;
    event.preventDefault();
  }

  #paint(context: CanvasRenderingContext2D, size: number, style: CSSStyleDeclaration): void {
    if (this.#field) drawField(context, this.#field, size, style);
    const radius = size / 110;
    drawPoints(context, this.#points, size, radius, style);
    if (this.#cursor) this.#drawCursor(context, placeOf(...this.#cursor, size), 3 * radius);
  }

  #drawCursor(context: CanvasRenderingContext2D, [x, y]: Position, arm: number): void {
    context.strokeStyle = getComputedStyle(this.#canvas).color;
    context.beginPath();
    context.moveTo(x - arm, y);
    context.lineTo(x + arm, y);
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
    context.stroke();
  }
}
