import { element } from '../dom.ts';
import { HeatMap, type Describe, type Matrix } from './heat-map.ts';
import { Segments } from './segments.ts';

/** Matrices by layer and by part of a layer, such as the heads of attention. */
export interface Matrices extends Matrix {
  /** [layers, parts, rows, columns] */
  readonly values: Float32Array;
  readonly layers: number;
  /** What a part is, and their names. */
  readonly part: string;
  readonly parts: readonly string[];
}

/** One of several matrices as colours; the reader chooses the layer and the part. */
export class HeatMaps {
  readonly element: HTMLElement;
  /** What chooses a matrix, and what its chosen cell says. */
  readonly beside: HTMLElement;
  readonly #layer: Segments;
  readonly #part: Segments;
  readonly #map: HeatMap;
  #matrices: Matrices | null = null;

  constructor(id: string, label: string, describe: Describe) {
    this.#layer = new Segments(`${id}-layer`, () => this.#draw());
    this.#part = new Segments(`${id}-part`, () => this.#draw());
    this.#map = new HeatMap(id, label, describe);
    this.element = this.#map.element;
    this.beside = element(
      'div',
      { class: 'map-choices' },
      this.#layer.element,
      this.#part.element,
      this.#map.reading,
    );
  }

  close(): void {
    this.#map.close();
  }

  show(matrices: Matrices): void {
    this.#matrices = matrices;
    this.#layer.offer(
      'Layer',
      Array.from({ length: matrices.layers }, (_, i) => String(i + 1)),
    );
    this.#part.offer(matrices.part, matrices.parts);
    this.#draw();
  }

  #draw(): void {
    const { columns, parts, rows, signed, values } = this.#matrices!;
    const size = rows.length * columns.length;
    const at = (this.#layer.chosen * parts.length + this.#part.chosen) * size;
    this.#map.show({ columns, rows, signed, values: values.subarray(at, at + size) });
  }
}
