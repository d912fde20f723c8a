import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Chart } from './contract.ts';
import { download, element } from './dom.ts';

/** Points kept at most; beyond them every other one goes, so that hours of training stay quick to draw. */
const POINTS = 3000;
/** Share of the newest value in the running mean. */
const NEWEST = 0.15;
const LOG_TICKS = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3].flatMap((power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
);
/** The x axis starts this long, in steps. */
const STEPS_AT_FIRST = 100;
/** Time between two drawings at least, in ms. */
const DRAW_EVERY = 100;

type Value = number | null;

/** One or more values over the steps of training, with their latest figures as the legend. */
export class Curve {
  readonly element: HTMLElement;
  readonly #chart: Chart;
  readonly #names: readonly string[];
  readonly #area = element('div', { class: 'plot' });
  readonly #figures = new Map<string, HTMLElement>();
  readonly #observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
  readonly #theme = matchMedia('(prefers-color-scheme: dark)');
  #plot: uPlot | null = null;
  #steps: number[] = [];
  #values: Record<string, Value[]> = {};
  #means: Record<string, Value[]> = {};
  #scheduled = false;

  constructor(chart: Chart, name: string) {
    this.#chart = chart;
    this.#names = Object.keys(chart.series);
    const legend = Object.entries(chart.series).map(([series, { colour, label }]) => {
      const figure = element('span', { class: 'figure', id: `value-${series}` }, '–');
      this.#figures.set(series, figure);
      return element(
        'div',
        { style: `--series: var(${colour})` },
        element('dt', {}, label),
        element('dd', {}, figure),
      );
    });
    const save = (label: string, description: string, action: () => void) => {
      const made = element('button', { type: 'button', class: 'text', 'aria-label': description }, label);
      made.addEventListener('click', action);
      return made;
    };
    this.element = element(
      'section',
      { class: 'card chart', 'aria-label': chart.title },
      element(
        'header',
        {},
        element('h2', {}, chart.title),
        element(
          'div',
          { class: 'exports' },
          save('PNG', `Save ${chart.title} as PNG`, () => this.#savePng(`${name}.png`)),
          save('CSV', `Save ${chart.title} as CSV`, () => download(`${name}.csv`, this.#csv(), 'text/csv')),
        ),
        element('dl', { class: 'legend' }, ...legend),
      ),
      this.#area,
    );
    this.clear();
    this.#observer.observe(this.#area);
    this.#theme.addEventListener('change', this.#rebuild);
  }

  close(): void {
    this.#observer.disconnect();
    this.#theme.removeEventListener('change', this.#rebuild);
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** Takes those of the values that are its own. */
  push(step: number, values: Readonly<Record<string, number>>): void {
    const own = this.#names.filter((name) => name in values);
    if (own.length === 0) return;
    if (this.#steps.at(-1) !== step) {
      this.#steps.push(step);
      for (const name of this.#names) {
        this.#values[name]!.push(null);
        this.#means[name]!.push(null);
      }
    }
    const at = this.#steps.length - 1;
    for (const name of own) {
      const value = Number.isFinite(values[name]) ? values[name]! : null;
      const mean = this.#means[name]!.findLast((known) => known !== null) ?? value;
      this.#values[name]![at] = value;
      this.#means[name]![at] = value === null ? null : mean! + NEWEST * (value - mean!);
      const shown = (this.#chart.series[name]!.smooth ? this.#means : this.#values)[name]![at]!;
      this.#figures.get(name)!.textContent = shown === null ? 'diverged' : this.#format(shown);
    }
    if (this.#steps.length > POINTS) this.#thin();
    this.#draw();
  }

  clear(): void {
    this.#steps = [];
    this.#values = Object.fromEntries(this.#names.map((name) => [name, []]));
    this.#means = Object.fromEntries(this.#names.map((name) => [name, []]));
    for (const figure of this.#figures.values()) figure.textContent = '–';
    this.#draw();
  }

  #thin(): void {
    const keep = <T>(values: T[]) => values.filter((_, i) => i % 2 === 0 || i === values.length - 1);
    this.#steps = keep(this.#steps);
    for (const name of this.#names) {
      this.#values[name] = keep(this.#values[name]!);
      this.#means[name] = keep(this.#means[name]!);
    }
  }

  #draw(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      this.#plot?.setData(this.#data());
    }, DRAW_EVERY);
  }

  /** The x values, and for each series its values, pale under their means if it is smooth. */
  #data(): uPlot.AlignedData {
    const columns = this.#names.flatMap((name) =>
      this.#chart.series[name]!.smooth ? [this.#values[name]!, this.#means[name]!] : [this.#values[name]!],
    );
    return [this.#steps, ...columns];
  }

  #format(value: number): string {
    return this.#chart.share ? `${(100 * value).toFixed(1)} %` : String(Number(value.toPrecision(3)));
  }

  #size() {
    return { width: this.#area.clientWidth, height: this.#area.clientHeight };
  }

  #csv(): string {
    const rows = this.#steps.map((step, i) => [
      step,
      ...this.#names.map((name) => this.#values[name]![i] ?? ''),
    ]);
    return [['step', ...this.#names], ...rows].map((row) => `${row.join(',')}\n`).join('');
  }

  #savePng(name: string): void {
    const source = this.#plot!.ctx.canvas;
    const canvas = element('canvas', { width: String(source.width), height: String(source.height) });
    const context = canvas.getContext('2d')!;
    context.fillStyle = getComputedStyle(this.element).backgroundColor;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(source, 0, 0);
    canvas.toBlob((blob) => download(name, blob!, 'image/png'));
  }

  #rebuild = (): void => {
    this.#plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const { logarithmic = false, share = false } = this.#chart;
    const axis: uPlot.Axis = {
      stroke: colour('--quiet'),
      font: `11px ${style.fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colour('--line'), width: 1 },
    };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        padding: [8, 14, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'steps' }, drag: { setScale: false }, y: false, points: { size: 7 } },
        scales: {
          x: { time: false, range: (_, low, high) => [Math.min(low, 0), Math.max(high, STEPS_AT_FIRST)] },
          y: {
            distr: logarithmic ? 3 : 1,
            range: (_, low, high) =>
              share ? [0, 1] : logarithmic ? logarithmicRange(low, high) : paddedRange(low, high),
          },
        },
        axes: [
          { ...axis, size: 26, gap: 4, grid: { show: false }, values: (_, ticks) => ticks.map(formatSteps) },
          {
            ...axis,
            size: 46,
            gap: 6,
            ...(logarithmic
              ? {
                  filter: (_, splits) => splits,
                  splits: (_, _axis, low, high) =>
                    sparse(LOG_TICKS.filter((tick) => tick >= low && tick <= high)),
                }
              : {}),
            values: (_, ticks) =>
              ticks.map((tick) =>
                tick === null ? null : share ? `${Math.round(100 * tick)} %` : formatTick(tick),
              ),
          },
        ],
        series: [
          {},
          ...this.#names.flatMap((name): uPlot.Series[] => {
            const { colour: variable, smooth = false } = this.#chart.series[name]!;
            const line = { stroke: colour(variable), width: 2, spanGaps: true, points: { show: false } };
            return smooth ? [{ ...line, stroke: `${line.stroke}40`, width: 1 }, line] : [line];
          }),
        ],
        hooks: { setCursor: [({ cursor: { idx } }) => this.#hover(idx ?? null)] },
      },
      this.#data(),
      this.#area,
    );
  };

  /** The legend tells the values under the pointer, or else the latest. */
  #hover(index: number | null): void {
    for (const [name, figure] of this.#figures) {
      const shown = (this.#chart.series[name]!.smooth ? this.#means : this.#values)[name]!;
      const value = (index === null ? undefined : shown[index]) ?? shown.findLast((known) => known !== null);
      if (value !== undefined && value !== null) figure.textContent = this.#format(value);
    }
  }

  /** To be called when the element is in the page. */
  attach(): void {
    this.#rebuild();
  }
}

const formatSteps = (step: number) => (step >= 10_000 ? `${step / 1000}k` : String(step));
const formatTick = (value: number) =>
  Math.abs(value) >= 10_000 ? `${value / 1000}k` : String(Number(value.toPrecision(3)));

/** One lucky batch must not stretch the axis further than two decades below its top. */
function logarithmicRange(low: number | null, high: number | null): [number, number] {
  const top = Math.max(high ?? 1, 1e-6);
  const bottom = Math.max(Math.min(low ?? 0.1, top / 10), 1e-6);
  return [bottom / 1.2, top * 1.2];
}

function paddedRange(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  return [low >= 0 && low < high / 2 ? 0 : low - margin, high + margin];
}

/** Only the powers of ten where 1, 2 and 5 would crowd. */
function sparse(ticks: number[]): number[] {
  return ticks.length <= 7 ? ticks : ticks.filter((tick) => /^1(e|$)|^0\.0*1$|^10*$/.test(String(tick)));
}
