import { element } from '../../dom.ts';
import { Surface } from '../../kit/surface.ts';
import { LABELS } from './extent.ts';
import type { Both } from './trainer.ts';

/** Room for the labels of the axes, in CSS pixels. */
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 14, 10, 26];
const SHARES = [0, 0.25, 0.5, 0.75, 1];

/** Accuracy against the number of labels, on a logarithmic axis; the table below it says the same in figures. */
export class AccuracyChart {
  readonly element = element('canvas', { class: 'accuracy-chart', 'aria-hidden': 'true' });
  readonly #surface = new Surface(this.element, (context, size, style) => this.#paint(context, size, style));
  #accuracies: Both | null = null;

  show(accuracies: Both | null): void {
    this.#accuracies = accuracies;
    this.#surface.draw();
  }

  close(): void {
    this.#surface.close();
  }

  #paint(
    context: CanvasRenderingContext2D,
    size: { readonly width: number; readonly height: number },
    style: CSSStyleDeclaration,
  ): void {
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    const [width, height] = [size.width / devicePixelRatio, size.height / devicePixelRatio];
    const [least, most] = [LABELS[0], LABELS.at(-1)!];
    const x = (labels: number) =>
      LEFT + 12 + ((width - LEFT - RIGHT - 24) * Math.log(labels / least)) / Math.log(most / least);
    const y = (share: number) => height - BOTTOM - share * (height - TOP - BOTTOM);
    const colour = (name: string) => style.getPropertyValue(name);

    context.font = `11px ${style.fontFamily}`;
    context.fillStyle = colour('--quiet');
    context.strokeStyle = colour('--line');
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    for (const share of SHARES) {
      context.fillText(`${100 * share} %`, LEFT - 6, y(share));
      line(context, [
        [LEFT, y(share)],
        [width - RIGHT, y(share)],
      ]);
    }
    context.textAlign = 'center';
    for (const labels of LABELS) context.fillText(String(labels), x(labels), height - BOTTOM / 2 + 2);

    if (!this.#accuracies) return;
    context.lineWidth = 2;
    for (const [of, name] of [
      ['pixels', '--warm'],
      ['code', '--accent'],
    ] as const) {
      const points = this.#accuracies[of].map((share, k) => [x(LABELS[k]!), y(share)] as const);
      context.strokeStyle = context.fillStyle = colour(name);
      line(context, points);
      for (const [px, py] of points) {
        context.beginPath();
        context.arc(px, py, 4, 0, 2 * Math.PI);
        context.fill();
      }
    }
  }
}

function line(context: CanvasRenderingContext2D, points: readonly (readonly [x: number, y: number])[]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}
