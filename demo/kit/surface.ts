/** What is painted: `width` and `height` in device pixels, on a cleared canvas. */
export type Paint = (
  context: CanvasRenderingContext2D,
  size: { readonly width: number; readonly height: number },
  style: CSSStyleDeclaration,
) => void;

/** A canvas that has the device's resolution, and is painted again when its size or the theme changes. */
export class Surface {
  readonly #canvas: HTMLCanvasElement;
  readonly #paint: Paint;
  readonly #observer = new ResizeObserver(() => this.draw());
  readonly #theme = matchMedia('(prefers-color-scheme: dark)');

  constructor(canvas: HTMLCanvasElement, paint: Paint) {
    this.#canvas = canvas;
    this.#paint = paint;
    this.#observer.observe(canvas);
    this.#theme.addEventListener('change', this.draw);
  }

  get isDark(): boolean {
    return this.#theme.matches;
  }

  readonly draw = (): void => {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((length) =>
      Math.round(length * devicePixelRatio),
    ) as [number, number];
    if (width === 0 || height === 0) return;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext('2d')!;
    context.clearRect(0, 0, width, height);
    this.#paint(context, { width, height }, getComputedStyle(canvas));
  };

  close(): void {
    this.#observer.disconnect();
    this.#theme.removeEventListener('change', this.draw);
  }
}

/** Paint a square image over a square of `size` device pixels, smoothly. */
export function drawScaled(context: CanvasRenderingContext2D, image: ImageData, size: number): void {
  const small = new OffscreenCanvas(image.width, image.height);
  small.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, size, size);
}
