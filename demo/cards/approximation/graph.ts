import { element } from '../../dom.ts';
import { Surface, type Paint } from '../../kit/surface.ts';
import { PLACES } from './extent.ts';

/** A place on a curve, not always a whole one, and y there. */
interface Mark {
  readonly at: number;
  readonly y: number;
}

/** y from −TOP to TOP is seen, so that a curve at 1 is not cut. */
const TOP = 1.1;
const KEY_PLACES = 2;
const KEY_RISE = 0.08;
/** Half the width, in places, of what a key raises. */
const KEY_WIDTH = 4;
/** Where joints are closer, in pixels, their dots would be a band. */
const JOINTS_APART = 7;

/** A curve that can be drawn, and the straight pieces that a network lays along it. */
export class Graph {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #onDraw: (target: Float32Array) => void;
  readonly #surface: Surface;
  #target: Float32Array = new Float32Array(PLACES);
  #joints: Float32Array = new Float32Array();
  #cursor: number | null = null;
  #pen: { pointer: number; last: Mark } | null = null;

  /** @param onDraw told the whole curve whenever some of it has changed */
  constructor(onDraw: (target: Float32Array) => void) {
    this.#onDraw = onDraw;
    this.#canvas = element('canvas', {
      id: 'graph',
      tabindex: '0',
      role: 'application',
      'aria-label':
        'Curve to learn, and the network. Left and right move along the curve, up and down bend it there.',
    });
    this.element = element('div', { class: 'graph' }, this.#canvas);
    this.#canvas.addEventListener('pointerdown', (event) => this.#down(event));
    this.#canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel'] as const)
      this.#canvas.addEventListener(type, () => (this.#pen = null));
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
    this.#canvas.addEventListener('blur', () => {
      this.#cursor = null;
      this.#surface.draw();
    });
    this.#surface = new Surface(this.#canvas, (...painted) => this.#paint(...painted));
  }

  close(): void {
    this.#surface.close();
  }

  /** @param target null leaves the curve as it was drawn */
  show(target: Float32Array | null, joints: Float32Array): void {
    if (target) this.#target = target.slice();
    this.#joints = joints;
    this.#surface.draw();
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.#pen) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const mark = this.#mark(event);
    this.#pen = { pointer: event.pointerId, last: mark };
    this.#line(mark, mark);
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#pen?.pointer) return;
    const mark = this.#mark(event);
    this.#line(this.#pen.last, mark);
    this.#pen.last = mark;
  }

  #mark({ clientX, clientY }: PointerEvent): Mark {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return {
      at: within((clientX - left) / width, 0, 1) * (PLACES - 1),
      y: within(TOP * (1 - (2 * (clientY - top)) / height), -1, 1),
    };
  }

  /** The pen has moved from a to b. */
  #line(a: Mark, b: Mark): void {
    const [from, to] = a.at < b.at ? [a, b] : [b, a];
    for (let i = Math.round(from.at); i <= Math.round(to.at); i++) {
      const share = to.at > from.at ? within((i - from.at) / (to.at - from.at), 0, 1) : 1;
      this.#target[i] = from.y + share * (to.y - from.y);
    }
    this.#changed();
  }

  #key(event: KeyboardEvent): void {
    const at = this.#cursor ?? (PLACES - 1) / 2;
    const places = event.shiftKey ? 5 * KEY_PLACES : KEY_PLACES;
    const rise = { ArrowUp: KEY_RISE, ArrowDown: -KEY_RISE }[event.key];
    const move = { ArrowLeft: -places, ArrowRight: places }[event.key];
    if (rise === undefined && move === undefined) return;
    event.preventDefault();
    this.#cursor = within(at + (move ?? 0), 0, PLACES - 1);
    if (rise === undefined) return this.#surface.draw();
    for (const [i, y] of this.#target.entries())
      this.#target[i] = within(y + rise * Math.exp(-(((i - at) / KEY_WIDTH) ** 2)), -1, 1);
    this.#changed();
  }

  #changed(): void {
    this.#surface.draw();
    this.#onDraw(this.#target.slice());
  }

  #paint(...[context, { width, height }, style]: Parameters<Paint>): void {
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const unit = devicePixelRatio;
    const place = (x: number, y: number): [number, number] => [
      ((x + 1) / 2) * width,
      ((1 - y / TOP) / 2) * height,
    ];
    const joints = Array.from({ length: this.#joints.length / 2 }, (_, i) =>
      place(this.#joints[2 * i]!, this.#joints[2 * i + 1]!),
    );
    const inner = joints.slice(1, -1);

    context.lineJoin = context.lineCap = 'round';
    context.fillStyle = colour('--sunk');
    for (const [i, [x]] of joints.slice(0, -1).entries())
      if (i % 2 === 1) context.fillRect(x, 0, joints[i + 1]![0] - x, height);
    context.strokeStyle = colour('--line');
    context.lineWidth = unit;
    path(context, [place(-1, 0), place(1, 0)]);

    context.strokeStyle = colour('--line-strong');
    context.lineWidth = 7 * unit;
    path(
      context,
      Array.from(this.#target, (y, i) => place((2 * i) / (PLACES - 1) - 1, y)),
    );
    context.strokeStyle = colour('--accent');
    context.lineWidth = 2.5 * unit;
    path(context, joints);

    context.fillStyle = colour('--warm');
    context.strokeStyle = colour('--card');
    context.lineWidth = 1.5 * unit;
    const radius = inner.length * JOINTS_APART * unit < width ? 4.5 * unit : 2.5 * unit;
    for (const [x, y] of inner) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    if (this.#cursor === null) return;
    const [x, y] = place((2 * this.#cursor) / (PLACES - 1) - 1, this.#target[this.#cursor]!);
    context.strokeStyle = style.color;
    context.lineWidth = 2 * unit;
    path(context, [
      [x, y - 12 * unit],
      [x, y + 12 * unit],
    ]);
    context.beginPath();
    context.arc(x, y, 6 * unit, 0, 2 * Math.PI);
    context.stroke();
  }
}

const within = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

function path(context: CanvasRenderingContext2D, points: readonly (readonly [x: number, y: number])[]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}
