import { element } from '../../dom.ts';
import { onDrag } from '../../kit/drag.ts';
import { Surface, type Paint } from '../../kit/surface.ts';
import { powerOfTen, scientific } from './scientific.ts';
import type { View } from './trainer.ts';

/** Space around the plot, in CSS pixels: for the powers of ten, and for the numbers of the layers. */
const MARGIN = { left: 48, right: 18, top: 14, bottom: 30 };
/** Powers of ten shown at least, and at most: below them there is nothing to see but rounding. */
const [DECADES, MOST_DECADES] = [3, 16];
const LABEL_WIDTH = 28;

/** The gradient's norm at each layer of both networks, and a layer chosen among them. */
export class DepthChart {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #onShow: (layer: number, norms: { plain: number; residual: number }) => void;
  readonly #surface: Surface;
  #norms: View = { plain: new Float32Array(), residual: new Float32Array() };
  #chosen = 0;

  /** @param onShow told the chosen layer and its norms whenever one of them changes */
  constructor(onShow: (layer: number, norms: { plain: number; residual: number }) => void) {
    this.#onShow = onShow;
    this.#canvas = element('canvas', {
      id: 'depth',
      tabindex: '0',
      role: 'slider',
      'aria-label': 'Layer',
      'aria-valuemin': '0',
      'aria-valuenow': '0',
    });
    this.element = element('div', { class: 'graph' }, this.#canvas);
    onDrag(this.#canvas, (x) => {
      const { left, right } = MARGIN;
      const width = this.#canvas.clientWidth;
      this.#choose(Math.round(((x * width - left) / (width - left - right)) * this.#last));
    });
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
    this.#surface = new Surface(this.#canvas, (...painted) => this.#paint(...painted));
  }

  close(): void {
    this.#surface.close();
  }

  show(norms: View): void {
    this.#norms = norms;
    this.#canvas.ariaValueMax = String(this.#last);
    this.#choose(this.#chosen);
  }

  /** K: the layers are numbered from 0. */
  get #last(): number {
    return Math.max(1, this.#norms.plain.length - 1);
  }

  #choose(layer: number): void {
    this.#chosen = Math.min(this.#last, Math.max(0, layer));
    const [plain, residual] = [this.#norms.plain[this.#chosen]!, this.#norms.residual[this.#chosen]!];
    this.#canvas.ariaValueNow = String(this.#chosen);
    this.#canvas.ariaValueText = `${this.#chosen}: plain ${scientific(plain)}, residual ${scientific(residual)}`;
    this.#surface.draw();
    this.#onShow(this.#chosen, { plain, residual });
  }

  #key(event: KeyboardEvent): void {
    const to = {
      ArrowLeft: this.#chosen - 1,
      ArrowDown: this.#chosen - 1,
      ArrowRight: this.#chosen + 1,
      ArrowUp: this.#chosen + 1,
      Home: 0,
      End: this.#last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#choose(to);
  }

  #paint(...[context, { width, height }, style]: Parameters<Paint>): void {
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const unit = devicePixelRatio;
    const left = MARGIN.left * unit;
    const right = width - MARGIN.right * unit;
    const [top, bottom] = [MARGIN.top * unit, height - MARGIN.bottom * unit];
    const [low, high] = this.#decades();
    const across = (layer: number) => left + ((right - left) * layer) / this.#last;
    const down = (norm: number) =>
      top + ((bottom - top) * (high - Math.max(Math.log10(norm), low))) / (high - low);

    const column = (right - left) / this.#last;
    context.fillStyle = colour('--sunk');
    context.fillRect(across(this.#chosen) - column / 2, 0, column, bottom);

    context.font = `${11 * unit}px ${style.fontFamily}`;
    context.strokeStyle = colour('--line');
    context.lineWidth = unit;
    context.fillStyle = colour('--quiet');
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    const every = Math.ceil((high - low) / 8);
    for (let power = high; power >= low; power -= every) {
      const y = down(10 ** power);
      line(context, [
        [left, y],
        [right, y],
      ]);
      context.fillText(powerOfTen(power), left - 10 * unit, y);
    }
    context.textAlign = 'center';
    const spacing = 2 ** Math.max(0, Math.ceil(Math.log2((LABEL_WIDTH * unit) / column)));
    for (let layer = 0; layer <= this.#last; layer += spacing)
      context.fillText(String(layer), across(layer), bottom + 16 * unit);

    context.lineJoin = 'round';
    for (const [norms, name] of [
      [this.#norms.plain, '--warm'],
      [this.#norms.residual, '--accent'],
    ] as const) {
      const points = Array.from(norms, (norm, layer) => [across(layer), down(norm)] as const);
      context.strokeStyle = context.fillStyle = colour(name);
      context.lineWidth = 2 * unit;
      line(context, points);
      context.strokeStyle = colour('--card');
      context.lineWidth = 1.5 * unit;
      for (const [layer, [x, y]] of points.entries()) {
        context.beginPath();
        context.arc(x, y, (layer === this.#chosen ? 6.5 : 4) * unit, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
    }
  }

  /** The powers of ten between which all norms are; a norm of 0 is drawn at the lower one. */
  #decades(): [low: number, high: number] {
    const powers = [...this.#norms.plain, ...this.#norms.residual]
      .filter((norm) => norm > 0 && Number.isFinite(norm))
      .map(Math.log10);
    const high = Math.ceil(Math.max(-1, ...powers));
    const low = Math.floor(Math.min(high - DECADES, ...powers));
    return [Math.max(low, high - MOST_DECADES), high];
  }
}

function line(context: CanvasRenderingContext2D, points: readonly (readonly [x: number, y: number])[]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}
