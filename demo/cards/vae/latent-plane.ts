import { element } from '../../dom.ts';
import { ARROWS } from '../../kit/arrows.ts';
import { PIXELS, SIDE, type Pixels } from '../../kit/digits.ts';
import { onDrag } from '../../kit/drag.ts';
import { drawNumerals, drawRing } from '../../kit/numerals.ts';
import { toRgb } from '../../kit/rgb.ts';
import { drawScaled, Surface } from '../../kit/surface.ts';
import { REACH, TILES } from './extent.ts';

export type Position = readonly [z1: number, z2: number];

const KEY_STEP = 0.1;

/** The square [−REACH, REACH]² of the latents, with decoded digits or with the codes of digits, and a place chosen on it. */
export class LatentPlane {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #onMove: (position: Position) => void;
  readonly #surface: Surface;
  #tiles: Pixels | null = null;
  #codes: Float32Array | null = null;
  #labels: Uint8Array = new Uint8Array();
  #position: Position = [0, 0];

  constructor(onMove: (position: Position) => void) {
    this.#onMove = onMove;
    this.#canvas = element('canvas', {
      id: 'latent',
      tabindex: '0',
      role: 'application',
      'aria-label':
        'Plane of the two latents. Arrow keys move the place that is decoded, with Shift further.',
    });
    this.element = element('div', { class: 'plane' }, this.#canvas);
    onDrag(this.#canvas, (x, y) => this.move([REACH * (2 * x - 1), REACH * (1 - 2 * y)]));
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
    this.#surface = new Surface(this.#canvas, (context, { width }, style) =>
      this.#paint(context, width, style),
    );
  }

  close(): void {
    this.#surface.close();
  }

  show(tiles: Pixels | null, codes: Float32Array | null, labels: Uint8Array): void {
    [this.#tiles, this.#codes, this.#labels] = [tiles, codes, labels];
    this.#surface.draw();
  }

  /** Choose a place, as the reader does. */
  move([z1, z2]: Position): void {
    const within = (z: number) => Math.min(REACH, Math.max(-REACH, z));
    this.#position = [within(z1), within(z2)];
    this.#surface.draw();
    this.#onMove(this.#position);
  }

  #key(event: KeyboardEvent): void {
    const step = ARROWS[event.key];
    if (!step) return;
    const size = event.shiftKey ? 5 * KEY_STEP : KEY_STEP;
    this.move([this.#position[0] + size * step[0], this.#position[1] + size * step[1]]);
    event.preventDefault();
  }

  #paint(context: CanvasRenderingContext2D, size: number, style: CSSStyleDeclaration): void {
    const colour = (name: string) => style.getPropertyValue(name).trim();
    if (this.#tiles) this.#drawTiles(context, this.#tiles, size, colour('--ink'));
    if (this.#codes) this.#drawCodes(context, this.#codes, size, colour('--line'), style.fontFamily);
    drawRing(context, size, this.#place(this.#position, size), style);
  }

  #drawTiles(context: CanvasRenderingContext2D, tiles: Pixels, size: number, ink: string): void {
    const width = TILES * SIDE;
    const image = new ImageData(width, width);
    const packed = new Uint32Array(image.data.buffer); // 0xAABBGGRR
    const [r, g, b] = toRgb(ink);
    const base = r | (g << 8) | (b << 16);
    for (let tile = 0; tile < TILES * TILES; tile++) {
      const corner = Math.floor(tile / TILES) * SIDE * width + (tile % TILES) * SIDE;
      for (let p = 0; p < PIXELS; p++)
        packed[corner + Math.floor(p / SIDE) * width + (p % SIDE)] =
          base | (Math.round(255 * tiles[tile * PIXELS + p]!) << 24);
    }
    drawScaled(context, image, size);
  }

  #drawCodes(
    context: CanvasRenderingContext2D,
    codes: Float32Array,
    size: number,
    line: string,
    font: string,
  ): void {
    context.strokeStyle = line;
    context.lineWidth = devicePixelRatio;
    context.beginPath();
    context.moveTo(size / 2, 0);
    context.lineTo(size / 2, size);
    context.moveTo(0, size / 2);
    context.lineTo(size, size / 2);
    context.stroke();
    drawNumerals(context, size, {
      labels: this.#labels,
      place: (i) => this.#place([codes[2 * i]!, codes[2 * i + 1]!], size),
      font,
      isDark: this.#surface.isDark,
    });
  }

  #place([z1, z2]: Position, size: number): Position {
    return [((z1 / REACH + 1) / 2) * size, ((1 - z2 / REACH) / 2) * size];
  }
}
