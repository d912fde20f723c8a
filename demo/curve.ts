import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface CurveOptions {
  /** Custom property of the line's colour, e.g. `--accent`. */
  readonly colour: string;
  /** Show each point pale and a running mean bold: for noisy values. */
  readonly smooth: boolean;
  /** Range of the y axis for the values so far. */
  readonly range: (low: number, high: number) => [number, number];
  readonly logarithmic?: boolean;
  /** A value as text, on the axis and under the pointer. */
  readonly format: (value: number) => string;
  /** Told which point is under the pointer, or null. */
  readonly onHover: (text: string | null) => void;
}

/** Points kept at most; beyond them every other one goes, so that hours of training stay quick to draw. */
const POINTS = 3000;
/** Share of the newest value in the running mean. */
const NEWEST = 0.15;
const LOG_TICKS = [-3, -2, -1, 0, 1, 2].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
/** The x axis starts this long, in steps. */
const STEPS_AT_FIRST = 100;

/** Time between two drawings at least, in ms. */
const DRAW_EVERY = 100;

/** A value over the steps of training. */
export class Curve {
  readonly #element: HTMLElement;
  readonly #options: CurveOptions;
  #plot: uPlot | null = null;
  #steps: number[] = [];
  #values: number[] = [];
  #means: number[] = [];
  #scheduled = false;

  constructor(element: HTMLElement, options: CurveOptions) {
    this.#element = element;
    this.#options = options;
    this.#rebuild();
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#rebuild());
  }

  /** The value to show as a figure: the running mean, or the latest value. */
  get latest(): number | undefined {
    return (this.#options.smooth ? this.#means : this.#values).at(-1);
  }

  push(step: number, value: number): void {
    const mean = this.#means.at(-1);
    this.#steps.push(step);
    this.#values.push(value);
    this.#means.push(mean === undefined ? value : mean + NEWEST * (value - mean));
    if (this.#steps.length > POINTS) this.#thin();
    this.#draw();
  }

  clear(): void {
    this.#steps = [];
    this.#values = [];
    this.#means = [];
    this.#draw();
  }

  #thin(): void {
    const keep = <T>(values: T[]) => values.filter((_, i) => i % 2 === 0 || i === values.length - 1);
    this.#steps = keep(this.#steps);
    this.#values = keep(this.#values);
    this.#means = keep(this.#means);
  }

  #draw(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      this.#plot?.setData(this.#data());
    }, DRAW_EVERY);
  }

  #data(): uPlot.AlignedData {
    return this.#options.smooth ? [this.#steps, this.#values, this.#means] : [this.#steps, this.#values];
  }

  #size() {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  #rebuild(): void {
    this.#plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const { format, logarithmic = false, onHover, range, smooth } = this.#options;
    const line = { stroke: colour(this.#options.colour), width: 2, points: { show: false } };
    const axis: uPlot.Axis = {
      stroke: colour('--quiet'),
      font: `11px ${style.fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colour('--line'), width: 1 },
    };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        padding: [8, 18, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'steps' }, drag: { setScale: false }, y: false, points: { size: 7 } },
        scales: {
          x: { time: false, range: (_, low, high) => [Math.min(low, 0), Math.max(high, STEPS_AT_FIRST)] },
          y: { range: (_, low, high) => range(low, high), distr: logarithmic ? 3 : 1 },
        },
        axes: [
          { ...axis, size: 26, gap: 4, grid: { show: false }, values: (_, ticks) => ticks.map(formatSteps) },
          {
            ...axis,
            size: 42,
            gap: 6,
            ...(logarithmic
              ? {
                  filter: (_, splits) => splits,
                  splits: (_, _axis, low, high) => LOG_TICKS.filter((tick) => tick >= low && tick <= high),
                }
              : {}),
            values: (_, ticks) => ticks.map((tick) => (tick === null ? null : format(tick))),
          },
        ],
        series: smooth
          ? [{}, { stroke: `${line.stroke}40`, width: 1, points: { show: false } }, line]
          : [{}, line],
        hooks: {
          setCursor: [
            ({ cursor: { idx }, data }) => {
              const value = idx === null || idx === undefined ? null : data.at(-1)?.[idx];
              onHover(
                value === null || value === undefined
                  ? null
                  : `step ${data[0][idx!]!.toLocaleString('en')}: ${format(value)}`,
              );
            },
          ],
        },
      },
      this.#data(),
      this.#element,
    );
  }
}

const formatSteps = (step: number) => (step >= 10_000 ? `${step / 1000}k` : String(step));
