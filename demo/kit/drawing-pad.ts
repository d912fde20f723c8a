import type { Point, Stroke } from './digit-image.ts';
import { Surface } from './surface.ts';

/** Width of the line as a share of the pad. */
const PEN = 0.075;
/** Points closer than this share of the pad add nothing. */
const NEAR = 0.008;

/** A square that takes strokes from mouse, finger and pen. Strokes are in shares of its side. */
export class DrawingPad {
  readonly #canvas: HTMLCanvasElement;
  readonly #onChange: (strokes: readonly Stroke[]) => void;
  readonly #surface: Surface;
  #strokes: Point[][] = [];
  #pointer: number | null = null;

  /** @param onChange told all strokes whenever one grows */
  constructor(canvas: HTMLCanvasElement, onChange: (strokes: readonly Stroke[]) => void) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel'] as const) {
      canvas.addEventListener(type, ({ pointerId }) => {
        if (pointerId === this.#pointer) this.#pointer = null;
      });
    }
    this.#surface = new Surface(canvas, (context, { width }, { color }) =>
      this.#paint(context, width, color),
    );
  }

  close(): void {
    this.#surface.close();
  }

  clear(): void {
    this.#strokes = [];
    this.#pointer = null;
    this.#surface.draw();
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#strokes.push([this.#position(event)]);
    this.#changed();
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    const stroke = this.#strokes.at(-1)!;
    // Between two frames a pen may have been at many places.
    const events = event.getCoalescedEvents?.() ?? [];
    const before = stroke.length;
    for (const each of events.length > 0 ? events : [event]) {
      const point = this.#position(each);
      const last = stroke.at(-1)!;
      if (Math.hypot(point.x - last.x, point.y - last.y) > NEAR) stroke.push(point);
    }
    if (stroke.length > before) this.#changed();
  }

  #position({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const share = (value: number) => Math.min(1, Math.max(0, value));
    return { x: share((clientX - left) / width), y: share((clientY - top) / height) };
  }

  #changed(): void {
    this.#surface.draw();
    this.#onChange(this.#strokes);
  }

  #paint(context: CanvasRenderingContext2D, size: number, ink: string): void {
    context.strokeStyle = ink;
    context.lineWidth = PEN * size;
    context.lineCap = context.lineJoin = 'round';
    for (const stroke of this.#strokes) {
      context.beginPath();
      context.moveTo(stroke[0]!.x * size, stroke[0]!.y * size);
      for (const { x, y } of stroke) context.lineTo(x * size, y * size);
      context.stroke();
    }
  }
}
