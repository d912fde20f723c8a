import { element } from '../../dom.ts';
import { drawNumerals, drawRing } from '../../kit/numerals.ts';
import { Surface } from '../../kit/surface.ts';

/** Room at the edges, as a share of the extent of the codes. */
const MARGIN = 0.04;

/** Codes of two numbers as places in the plane: those of held-out digits as numerals, and a ring where one digit stands. */
export class CodePlane {
  readonly element: HTMLElement;
  readonly #surface: Surface;
  #codes: Float32Array = new Float32Array();
  #labels: Uint8Array = new Uint8Array();
  #watched: Float32Array = new Float32Array(2);

  constructor() {
    const canvas = element('canvas', {
      id: 'codes',
      role: 'img',
      'aria-label': 'Plane of the codes: each held-out digit is a numeral where the encoder puts it',
    });
    this.element = element('div', { class: 'plane' }, canvas);
    this.#surface = new Surface(canvas, (context, { width }, style) => this.#paint(context, width, style));
  }

  show(codes: Float32Array, labels: Uint8Array): void {
    [this.#codes, this.#labels] = [codes, labels];
    this.#surface.draw();
  }

  /** Move the ring. */
  watch(code: Float32Array): void {
    this.#watched = code;
    this.#surface.draw();
  }

  close(): void {
    this.#surface.close();
  }

  #paint(context: CanvasRenderingContext2D, size: number, style: CSSStyleDeclaration): void {
    if (this.#codes.length === 0) return;
    const across = axis(this.#codes, 0, size);
    const up = axis(this.#codes, 1, size);
    drawNumerals(context, size, {
      labels: this.#labels,
      place: (i) => [across(this.#codes[2 * i]!), size - up(this.#codes[2 * i + 1]!)],
      font: style.fontFamily,
      isDark: this.#surface.isDark,
    });
    drawRing(context, size, [across(this.#watched[0]!), size - up(this.#watched[1]!)], style);
  }
}

/** Where the values of one of the two numbers go, so that all of them fill `size`. */
function axis(codes: Float32Array, of: 0 | 1, size: number): (z: number) => number {
  const values = codes.filter((_, i) => i % 2 === of);
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const scale = ((1 - 2 * MARGIN) * size) / (high - low || 1);
  return (z) => MARGIN * size + scale * (z - low);
}
