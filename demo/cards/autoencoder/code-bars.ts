import { element } from '../../dom.ts';
import { Surface } from '../../kit/surface.ts';

/** The numbers of a code as bars around zero, the largest as long as there is room. */
export class CodeBars {
  readonly element = element('canvas', { class: 'code-bars', id: 'code', role: 'img' });
  readonly #surface = new Surface(this.element, (context, size, style) => this.#paint(context, size, style));
  #code: Float32Array = new Float32Array();

  show(code: Float32Array): void {
    this.#code = code;
    this.element.ariaLabel = `Code: ${Array.from(code, (z) => z.toFixed(1)).join(', ')}`;
    this.#surface.draw();
  }

  close(): void {
    this.#surface.close();
  }

  #paint(
    context: CanvasRenderingContext2D,
    { width, height }: { readonly width: number; readonly height: number },
    style: CSSStyleDeclaration,
  ): void {
    const colour = (name: string) => style.getPropertyValue(name);
    const largest = this.#code.reduce((most, z) => Math.max(most, Math.abs(z)), 1e-6);
    const pitch = width / this.#code.length;
    const bar = Math.min(0.7 * pitch, 24 * devicePixelRatio);
    for (const [i, z] of this.#code.entries()) {
      context.fillStyle = colour(z < 0 ? '--warm' : '--accent');
      context.fillRect((i + 0.5) * pitch - bar / 2, height / 2, bar, (-0.48 * height * z) / largest);
    }
    context.fillStyle = colour('--line-strong');
    context.fillRect(0, height / 2 - devicePixelRatio / 2, width, devicePixelRatio);
  }
}
