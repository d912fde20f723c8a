import { element, svg } from '../../dom.ts';
import { signed } from '../../kit/signed.ts';
import { LAST, SIZES } from './extent.ts';
import { knowsDelta, knowsForward, knowsLoss, PARTS } from './parts.ts';
import type { Pass } from './trainer.ts';
import { activations, fine, subscript, weightName, type Neuron } from './worked.ts';

/** Of a neuron, and of each of its numbers, in CSS pixels. */
const [WIDTH, ROW] = [84, 19];
/** What is known of a neuron at the end: x; z, h, δ; for the output also t and L. */
const rowCount = (layer: number): number => (layer === 0 ? 1 : layer === LAST ? 5 : 3);
const heightOf = (layer: number): number => ROW * rowCount(layer) + 10;
/** Narrower than this, the layers stand below each other. */
const NARROW = 560;
const MOST = Math.max(...SIZES);

type Place = readonly [x: number, y: number];

/** A neuron's box. */
interface Box {
  readonly neuron: Neuron;
  readonly group: SVGElement;
  readonly rows: { readonly name: SVGElement; readonly value: SVGElement }[];
}
/** The weight from neuron i of the layer below to neuron j. */
interface Edge {
  readonly layer: number;
  readonly j: number;
  readonly i: number;
  readonly line: SVGElement;
  readonly label: SVGElement;
  readonly weight: SVGElement;
  /** Below the weight: its gradient, or what it becomes. */
  readonly result: SVGElement;
}

/** The network, with the numbers that are known at a part of the algorithm: neurons are buttons. */
export class NetworkGraph {
  readonly element: HTMLElement;
  readonly #svg = svg('svg', { class: 'network', role: 'group', 'aria-label': 'The network' });
  readonly #boxes: Box[];
  readonly #edges: Edge[];
  readonly #observer = new ResizeObserver(() => this.#layOut());

  constructor(onChoose: (neuron: Neuron) => void) {
    this.#edges = SIZES.slice(1).flatMap((count, below) =>
      Array.from({ length: count * SIZES[below]! }, (_, at) =>
        weightEdge(below + 1, Math.floor(at / SIZES[below]!), at % SIZES[below]!),
      ),
    );
    this.#boxes = SIZES.flatMap((count, layer) =>
      Array.from({ length: count }, (_, j) => box({ layer, j }, onChoose)),
    );
    this.#svg.append(
      ...this.#edges.map(({ line }) => line),
      ...this.#edges.map(({ label }) => label),
      ...this.#boxes.map(({ group }) => group),
    );
    this.element = element('div', { class: 'network-frame' });
    this.element.append(this.#svg);
    this.#observer.observe(this.element);
  }

  close(): void {
    this.#observer.disconnect();
  }

  show(pass: Pass, part: number, chosen: Neuron): void {
    const { phase, layer: active } = PARTS[part]!;
    const isActive = (layer: number) => (active === null ? layer > 0 : layer === active);
    for (const { neuron, group, rows } of this.#boxes) {
      const { layer, j } = neuron;
      const known = this.#known(pass, part, neuron);
      rows.forEach(({ name, value }, row) => {
        name.textContent = known[row]?.[0] ?? '';
        value.textContent = known[row]?.[1] ?? '';
      });
      const isChosen = layer === chosen.layer && j === chosen.j;
      group.ariaPressed = String(isChosen);
      group.ariaLabel = nameOf(neuron, known);
      group.classList.toggle('active', isActive(layer));
      group.classList.toggle('back', phase !== 'forward' && phase !== 'loss');
    }
    for (const { layer, j, i, line, label, weight, result } of this.#edges) {
      const { w, dw, newW } = pass.layers[layer - 1]!;
      const at = j * SIZES[layer - 1]! + i;
      // an error comes back along the weights above the layer
      const isUsed =
        phase === 'backward'
          ? layer - 1 === active
          : phase !== 'loss' && phase !== 'output error' && isActive(layer);
      line.classList.toggle('active', isUsed);
      line.classList.toggle('negative', w[at]! < 0);
      line.setAttribute('stroke-width', String(1 + 2 * Math.min(2, Math.abs(w[at]!))));
      label.classList.toggle('active', isUsed);
      weight.textContent = signed(w[at]!);
      result.textContent =
        phase === 'gradients' ? fine(dw[at]!) : phase === 'update' ? signed(newW[at]!) : '';
      label.classList.toggle('replaced', phase === 'update');
    }
  }

  #known(pass: Pass, part: number, { layer, j }: Neuron): [name: string, value: string][] {
    if (layer === 0) return [[`x${subscript(j + 1)}`, signed(activations(pass, 0)[j]!, 0)]];
    const { z, h, delta } = pass.layers[layer - 1]!;
    const rows: [string, string][] = [];
    if (knowsForward(part, layer)) rows.push(['z', signed(z[j]!)], ['h', signed(h[j]!)]);
    if (layer === LAST && knowsLoss(part)) rows.push(['t', String(pass.t)], ['L', fine(pass.loss)]);
    if (knowsDelta(part, layer)) rows.push(['δ', fine(delta[j]!)]);
    return rows;
  }

  #layOut(): void {
    const width = this.element.clientWidth;
    const isNarrow = width < NARROW;
    const height = isNarrow ? 600 : 330;
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.#svg.setAttribute('height', String(height));
    const [first, last] = isNarrow
      ? [heightOf(0) / 2 + 2, heightOf(LAST) / 2 + 2]
      : [WIDTH / 2 + 2, WIDTH / 2 + 2];
    const [long, wide, size] = isNarrow ? [height, width, WIDTH + 4] : [width, height, heightOf(1) + 4];
    /** The middle of neuron j: layers from left to right, or from top to bottom. */
    const place = (layer: number, j: number): Place => {
      const along = first + (layer / LAST) * (long - first - last);
      const across = wide / 2 + ((j + 0.5 - SIZES[layer]! / 2) / (MOST - 1)) * (wide - size);
      return isNarrow ? [across, along] : [along, across];
    };
    for (const { neuron, group } of this.#boxes) {
      const [x, y] = place(neuron.layer, neuron.j);
      group.setAttribute('transform', `translate(${x - WIDTH / 2} ${y - heightOf(neuron.layer) / 2})`);
    }
    for (const edge of this.#edges) {
      const { layer, j, i, line, label } = edge;
      const [from, to] = [place(layer - 1, i), place(layer, j)];
      set(line, { x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
      const t = labelAt(edge, isNarrow);
      const [x, y] = [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
      label.setAttribute('transform', `translate(${x} ${y})`);
    }
  }
}

/**
 * Where on an edge, from 0 to 1, its label stands. Edges of one neuron in the smaller of the two layers have it equally
 * far, nearer to the other layer: there they are apart, and so are their labels.
 */
function labelAt({ layer, j, i }: Edge, isNarrow: boolean): number {
  const [below, above] = [SIZES[layer - 1]!, SIZES[layer]!];
  if (above === 1) return 0.4;
  const [middle, share] = below < above ? [0.55, i / (below - 1)] : [0.44, j / (above - 1)];
  return middle + (isNarrow ? 0.2 : 0.25) * (share - 0.5);
}

function box(neuron: Neuron, onChoose: (neuron: Neuron) => void): Box {
  const group = svg('g', { class: 'neuron', tabindex: '0', role: 'button' });
  const rows = Array.from({ length: rowCount(neuron.layer) }, (_, row) => {
    const y = String(ROW * (row + 1));
    return {
      name: svg('text', { class: 'name', x: '10', y }),
      value: svg('text', { class: 'value', x: String(WIDTH - 10), y, 'text-anchor': 'end' }),
    };
  });
  group.append(
    svg('rect', { width: String(WIDTH), height: String(heightOf(neuron.layer)), rx: '12' }),
    ...rows.flatMap(({ name, value }) => [name, value]),
  );
  group.addEventListener('click', () => onChoose(neuron));
  group.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onChoose(neuron);
  });
  return { neuron, group, rows };
}

function nameOf({ layer, j }: Neuron, known: readonly (readonly [name: string, value: string])[]): string {
  const name = layer === 0 ? `Input ${j + 1}` : `Layer ${layer}, neuron ${j + 1}`;
  return known.length === 0 ? name : `${name}: ${known.map((row) => row.join(' ')).join(', ')}`;
}

function weightEdge(layer: number, j: number, i: number): Edge {
  const weight = svg('text', { 'text-anchor': 'middle', y: '4' });
  const result = svg('text', { class: 'result', 'text-anchor': 'middle', y: '19' });
  const label = svg('g', { class: 'weight', 'data-weight': `${layer} ${weightName(j, i)}` });
  label.append(weight, result);
  return { layer, j, i, line: svg('line', { class: 'edge' }), label, weight, result };
}

function set(target: SVGElement, attributes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
}
