import { element } from '../dom.ts';
import { ARROWS } from './arrows.ts';
import { Surface } from './surface.ts';

/** A matrix with names for its rows and columns; an empty name is not drawn. */
export interface Matrix {
  /** [rows, columns] */
  readonly values: Float32Array;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** Values in [−1, 1], in two colours, instead of weights in [0, 1]. */
  readonly signed: boolean;
}

export type Describe = (row: number, column: number, value: number) => string;

/** Of the names, in CSS pixels. */
const LARGEST_FONT = 13;

/** A matrix as colours, and the value of the cell that the pointer or the arrow keys choose. */
export class HeatMap {
  readonly element: HTMLElement;
  /** What the chosen cell says. */
  readonly reading: HTMLOutputElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #surface: Surface;
  readonly #describe: Describe;
  #matrix: Matrix = { values: new Float32Array(), rows: [], columns: [], signed: false };
  #cell: { row: number; column: number } | null = null;
  /** Where the first cell begins, and the size of one, in CSS pixels. */
  #layout = { left: 0, top: 0, width: 1, height: 1 };

  constructor(id: string, label: string, describe: Describe) {
    this.#describe = describe;
    this.#canvas = element('canvas', {
      id,
      tabindex: '0',
      role: 'application',
      'aria-label': `${label} Arrow keys move over its cells.`,
    });
    this.element = element('div', { class: 'heat' }, this.#canvas);
    this.reading = element('output', { class: 'cell-reading', id: `${id}-cell`, for: id }, '–');
    for (const type of ['pointermove', 'pointerdown'] as const)
      this.#canvas.addEventListener(type, (event) => this.#point(event));
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
    this.#surface = new Surface(this.#canvas, (context, size, style) => this.#paint(context, size, style));
  }

  close(): void {
    this.#surface.close();
  }

  show(matrix: Matrix): void {
    this.#matrix = matrix;
    if (this.#cell)
      this.#choose(this.#cell.row, this.#cell.column, 'off'); // not to be read out a few times a second
    else this.#surface.draw();
  }

  #choose(row: number, column: number, ariaLive: 'polite' | 'off'): void {
    const { columns, rows, values } = this.#matrix;
    if (values.length === 0) return this.#clear();
    const within = (i: number, count: number) => Math.min(count - 1, Math.max(0, i));
    this.#cell = { row: within(row, rows.length), column: within(column, columns.length) };
    this.reading.ariaLive = ariaLive;
    const value = values[this.#cell.row * columns.length + this.#cell.column]!;
    this.reading.textContent = this.#describe(this.#cell.row, this.#cell.column, value);
    this.#surface.draw();
  }

  #clear(): void {
    this.#cell = null;
    this.reading.textContent = '–';
    this.#surface.draw();
  }

  #point({ offsetX, offsetY }: PointerEvent): void {
    const { height, left, top, width } = this.#layout;
    this.#choose(Math.floor((offsetY - top) / height), Math.floor((offsetX - left) / width), 'off');
  }

  #key(event: KeyboardEvent): void {
    const move = ARROWS[event.key];
    if (!move) return;
    event.preventDefault();
    const { column, row } = this.#cell ?? { column: -move[0], row: move[1] };
    this.#choose(row - move[1], column + move[0], 'polite');
  }

  #paint(
    context: CanvasRenderingContext2D,
    size: { width: number; height: number },
    style: CSSStyleDeclaration,
  ): void {
    const { columns, rows, signed, values } = this.#matrix;
    if (values.length === 0) return;
    const colour = (name: string) => style.getPropertyValue(name).trim();
    context.scale(devicePixelRatio, devicePixelRatio);
    const [across, down] = [size.width / devicePixelRatio, size.height / devicePixelRatio];
    const font = Math.min(LARGEST_FONT, (0.95 * across) / columns.length);
    const fontOf = (weight: number) => `${weight} ${font}px ${style.fontFamily}`;
    context.font = fontOf(400);
    const left = Math.max(...rows.map((name) => context.measureText(name).width)) + 6;
    const top = columns.some((name) => name !== '') ? 1.5 * font : 0;
    const [width, height] = [(across - left) / columns.length, (down - top) / rows.length];
    this.#layout = { left, top, width, height };

    const gap = Math.min(width, height) > 6 ? 1 : 0;
    context.fillStyle = colour('--sunk');
    context.fillRect(left, top, across - left, down - top);
    values.forEach((value, i) => {
      // equal steps of small weights are seen better than those of large ones
      context.globalAlpha = signed ? Math.min(1, Math.abs(value)) : Math.sqrt(Math.min(1, value));
      context.fillStyle = colour(signed && value < 0 ? '--warm' : '--accent');
      const [x, y] = [left + (i % columns.length) * width, top + Math.floor(i / columns.length) * height];
      context.fillRect(x, y, width - gap, height - gap);
    });
    context.globalAlpha = 1;

    context.textBaseline = 'middle';
    const write = (name: string, x: number, y: number, chosen: boolean) => {
      context.fillStyle = colour(chosen ? '--ink' : '--quiet');
      context.font = fontOf(chosen ? 700 : 400);
      context.fillText(name, x, y);
    };
    context.textAlign = 'center';
    for (const [i, name] of columns.entries())
      write(name, left + (i + 0.5) * width, top / 2, i === this.#cell?.column);
    context.textAlign = 'right';
    for (const [i, name] of rows.entries())
      write(name, left - 5, top + (i + 0.5) * height, i === this.#cell?.row);
    if (!this.#cell) return;
    context.strokeStyle = colour('--ink');
    context.lineWidth = 2;
    context.strokeRect(
      left + this.#cell.column * width,
      top + this.#cell.row * height,
      width - gap,
      height - gap,
    );
  }
}
