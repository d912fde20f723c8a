import { ArgumentError, Parameter, ShapeError, type Tensor } from '../graph/index.ts';
import { add, concat, constant, embedding, iota, mul, neg, reshape, slice } from '../ops/index.ts';
import { normalInit } from './init.ts';
import { Module } from './module.ts';

/**
 * Rows of a table [length, width] for `t` neighbouring positions: the first ones, or those from `position` on.
 *
 * @throws ShapeError for more positions than rows
 */
function rowsOf(op: string, table: Tensor, t: number, position: Tensor | undefined): Tensor {
  if (t > table.shape[0]!) throw new ShapeError(op, [[t]], `at most ${table.shape[0]} positions`);
  if (!position) return slice(table, [[0, t]]);
  return embedding(table, add(iota([t], 0), reshape(position, [])));
}

function requireSize(op: string, what: string, size: number): void {
  if (!Number.isInteger(size) || size < 1) throw new ArgumentError(op, `a positive integer ${what}`, size);
}

/**
 * PE[t, 2i] = sin(t / 10000^(2i / width)), PE[t, 2i + 1] = cos of the same (Vaswani et al. 2017, section 3.5).
 *
 * @returns constant [length, width]
 * @throws ArgumentError unless both sizes are positive integers
 */
export function sinusoids(length: number, width: number): Tensor {
  requireSize('sinusoids', 'length', length);
  requireSize('sinusoids', 'width', width);
  const table = Float32Array.from({ length: length * width }, (_, i) => {
    const [t, column] = [Math.floor(i / width), i % width];
    const angle = t / 10000 ** ((column - (column % 2)) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return constant(table, [length, width]);
}

/** x + sinusoids: x [..., t, width], t ≤ maxLength. Nothing is learned. */
export class SinusoidalEncoding extends Module {
  readonly #table: Tensor;

  /** @throws ArgumentError unless both sizes are positive integers */
  constructor(maxLength: number, width: number) {
    super();
    this.#table = sinusoids(maxLength, width);
  }

  /**
   * @param position i32 scalar: where x begins; default 0
   * @throws ShapeError for more than `maxLength` positions or another width
   */
  forward(x: Tensor, position?: Tensor): Tensor {
    return addRows('SinusoidalEncoding', x, this.#table, position);
  }
}

/** x + a learned vector for each position: x [..., t, width], t ≤ maxLength. `weight` [maxLength, width] starts N(0, 0.02²). */
export class LearnedEncoding extends Module {
  readonly weight: Parameter;

  constructor(maxLength: number, width: number) {
    super();
    this.weight = new Parameter([maxLength, width], normalInit(0.02));
  }

  /**
   * @param position i32 scalar: where x begins; default 0
   * @throws ShapeError for more than `maxLength` positions or another width
   */
  forward(x: Tensor, position?: Tensor): Tensor {
    return addRows('LearnedEncoding', x, this.weight, position);
  }
}

function addRows(op: string, x: Tensor, table: Tensor, position: Tensor | undefined): Tensor {
  if (x.rank < 2 || x.shape.at(-1) !== table.shape[1])
    throw new ShapeError(op, [x.shape], `x [..., t, ${table.shape[1]}]`);
  return add(x, rowsOf(op, table, x.shape.at(-2)!, position));
}

export interface RotaryOptions {
  /** Longest sequence; default 2048. */
  maxLength?: number;
  /** Pair i turns by t / base^(2i / width); default 10000. */
  base?: number;
}

/**
 * Rotary positions (RoFormer; Su et al. 2021, eq. 34): at position t each pair (x[2i], x[2i + 1]) is turned by
 * t / base^(2i / width), so that dot products of queries and keys depend on distances alone. x [..., t, width].
 */
export class RotaryEncoding extends Module {
  readonly width: number;
  readonly #cos: Tensor;
  readonly #sin: Tensor;

  /** @throws ArgumentError for an odd width, a `maxLength` that is no positive integer, or a base that is not positive */
  constructor(width: number, { maxLength = 2048, base = 10000 }: RotaryOptions = {}) {
    super();
    requireSize('RotaryEncoding', 'maxLength', maxLength);
    if (!Number.isInteger(width) || width < 2 || width % 2 !== 0)
      throw new ArgumentError('RotaryEncoding', 'a positive even width', width);
    if (!(base > 0)) throw new ArgumentError('RotaryEncoding', 'a positive base', base);
    this.width = width;
    // Both elements of a pair have the angle of the pair.
    const tableOf = (of: (angle: number) => number) => {
      const angle = (t: number, column: number) => t / base ** ((column - (column % 2)) / width);
      const table = Float32Array.from({ length: maxLength * width }, (_, i) =>
        of(angle(Math.floor(i / width), i % width)),
      );
      return constant(table, [maxLength, width]);
    };
    this.#cos = tableOf(Math.cos);
    this.#sin = tableOf(Math.sin);
  }

  /**
   * @param position i32 scalar: where x begins; default 0
   * @throws ShapeError for more than `maxLength` positions or another width
   */
  forward(x: Tensor, position?: Tensor): Tensor {
    const { width } = this;
    if (x.rank < 2 || x.shape.at(-1) !== width)
      throw new ShapeError('RotaryEncoding', [x.shape], `x [..., t, ${width}]`);
    const t = x.shape.at(-2)!;
    const rows = (table: Tensor) => rowsOf('RotaryEncoding', table, t, position);
    // (a, b) → (a cos − b sin, b cos + a sin)
    const pairs = reshape(x, [...x.shape.slice(0, -1), width / 2, 2]);
    const half = (i: number) => slice(pairs, [...pairs.shape.slice(1).map(() => null), [i, i + 1]]);
    const turned = reshape(concat([neg(half(1)), half(0)], -1), x.shape);
    return add(mul(x, rows(this.#cos)), mul(turned, rows(this.#sin)));
  }
}
