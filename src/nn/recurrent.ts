import {
  ArgumentError,
  formatShape,
  Parameter,
  requireOneOf,
  sameShape,
  ShapeError,
  type Tensor,
} from '../graph/index.ts';
import {
  add,
  bernoulli,
  concat,
  fill,
  linear,
  matmul,
  mul,
  permute,
  relu,
  reshape,
  scan,
  sigmoid,
  slice,
  stack,
  sub,
  tanh,
} from '../ops/index.ts';
import { fanInUniform } from './init.ts';
import { Module } from './module.ts';

// The cells, with PyTorch's weights: `ih` [gates · hidden, in] and `hh` [gates · hidden, hidden], two biases each.

/** The matrices of one cell, and its biases if it has any. */
export interface CellWeights {
  readonly ih: Tensor;
  readonly hh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
}

type State = Readonly<Record<string, Tensor>>;

/** A recurrence in two parts: what all time steps can share, and what has to wait for the state before. */
interface Cell<S extends State> {
  readonly gates: number;
  readonly state: readonly (keyof S & string)[];
  /** x [..., in] → [..., gates · hidden], for any number of time steps at once. */
  project(x: Tensor, weights: CellWeights): Tensor;
  /** One step: a projected x [b, gates · hidden] and the states [b, hidden] → the next states; `h` is the output. */
  next(projected: Tensor, state: S, weights: CellWeights): S;
}

/** The state of an RNN or GRU. */
export type HiddenState = { readonly h: Tensor };
/** The state of an LSTM: output and cell. */
export type LSTMState = { readonly h: Tensor; readonly c: Tensor };

/** Columns [n · hidden, (n + 1) · hidden) of [b, gates · hidden]. */
const gate = (gates: Tensor, n: number, hidden: number) =>
  slice(gates, [null, [n * hidden, (n + 1) * hidden]]);

/** With both biases, which only ever appear as a sum. */
const projectAll = (x: Tensor, { ih, biasIh, biasHh }: CellWeights) =>
  linear(x, ih, biasIh && biasHh && add(biasIh, biasHh));

/** What an Elman cell applies. */
export type RNNNonlinearity = 'tanh' | 'relu';

/** h' = f(W_ih x + b_ih + W_hh h + b_hh). Notes 7.1. */
function rnnCell(op: string, nonlinearity: RNNNonlinearity): Cell<HiddenState> {
  requireOneOf(op, 'nonlinearity', ['tanh', 'relu'], nonlinearity);
  const f = { tanh, relu }[nonlinearity];
  return {
    gates: 1,
    state: ['h'],
    project: projectAll,
    next: (projected, { h }, { hh }) => ({ h: f(add(projected, matmul(h, hh, { transposeB: true }))) }),
  };
}

/** Gates i, f, g, o: c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c') (Hochreiter and Schmidhuber 1997; notes 7.3). */
const lstmCell: Cell<LSTMState> = {
  gates: 4,
  state: ['h', 'c'],
  project: projectAll,
  next(projected, { h, c }, { hh }) {
    const gates = add(projected, matmul(h, hh, { transposeB: true }));
    const [i, f, g, o] = [0, 1, 2, 3].map((n) => gate(gates, n, h.shape[1]!)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const cell = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
    return { h: mul(sigmoid(o), tanh(cell)), c: cell };
  },
};

/**
 * Gates r, z, n: n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)), h' = (1 − z) ⊙ n + z ⊙ h (Cho et al. 2014, with
 * PyTorch's place for the reset gate).
 */
const gruCell: Cell<HiddenState> = {
  gates: 3,
  state: ['h'],
  project: (x, { ih, biasIh }) => linear(x, ih, biasIh),
  next(projected, { h }, { hh, biasHh }) {
    const hidden = linear(h, hh, biasHh);
    const [xr, xz, xn] = [0, 1, 2].map((n) => gate(projected, n, h.shape[1]!)) as [Tensor, Tensor, Tensor];
    const [hr, hz, hn] = [0, 1, 2].map((n) => gate(hidden, n, h.shape[1]!)) as [Tensor, Tensor, Tensor];
    const z = sigmoid(add(xz, hz));
    const n = tanh(add(xn, mul(sigmoid(add(xr, hr)), hn)));
    return { h: add(mul(sub(1, z), n), mul(z, h)) };
  },
};

function checkInput(op: string, x: Tensor, rank: number, inputSize: number): void {
  if (x.rank !== rank || x.shape.at(-1) !== inputSize)
    throw new ShapeError(op, [x.shape], `x [${rank === 3 ? '..., ..., ' : 'b, '}${inputSize}]`);
}

function checkState(op: string, name: string, state: Tensor | undefined, shape: readonly number[]): void {
  if (state && !sameShape(state.shape, shape))
    throw new ShapeError(op, [state.shape], `an initial ${name} ${formatShape(shape)}`);
}

// --- One step --------------------------------------------------------------------------------

export interface CellOptions {
  /** Default true: two biases, as in PyTorch (the notes count one). */
  bias?: boolean;
}

/** For `summary`. */
const TWO_BIASES = 'two biases per gate, as in PyTorch';

/** One recurrent cell: parameters `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, uniform in ±1/√hidden at first. */
abstract class CellModule<S extends State> extends Module {
  readonly weight_ih: Parameter;
  readonly weight_hh: Parameter;
  readonly bias_ih: Parameter | null;
  readonly bias_hh: Parameter | null;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly #cell: Cell<S>;

  constructor(cell: Cell<S>, inputSize: number, hiddenSize: number, { bias = true }: CellOptions) {
    super();
    this.#cell = cell;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    const [rows, init] = [cell.gates * hiddenSize, fanInUniform(hiddenSize)];
    this.weight_ih = new Parameter([rows, inputSize], init);
    this.weight_hh = new Parameter([rows, hiddenSize], init);
    this.bias_ih = bias ? new Parameter([rows], init) : null;
    this.bias_hh = bias ? new Parameter([rows], init) : null;
  }

  get summaryNote(): string | null {
    return this.bias_hh ? TWO_BIASES : null;
  }

  /**
   * One step.
   *
   * @param x [b, inputSize]
   * @param state [b, hiddenSize] each; default zeros
   * @returns the next state
   * @throws ShapeError when a shape does not fit
   */
  next(x: Tensor, state: Partial<S> = {}): S {
    const op = this.constructor.name;
    checkInput(op, x, 2, this.inputSize);
    const shape = [x.shape[0]!, this.hiddenSize];
    const full = Object.fromEntries(
      this.#cell.state.map((name) => {
        checkState(op, name, state[name], shape);
        return [name, state[name] ?? fill(0, shape)];
      }),
    ) as unknown as S;
    const { weight_ih: ih, weight_hh: hh, bias_ih: biasIh, bias_hh: biasHh } = this;
    const weights = { ih, hh, biasIh, biasHh };
    return this.#cell.next(this.#cell.project(x, weights), full, weights);
  }

  /** The output of a step from the zero state: x [b, inputSize] → h [b, hiddenSize]. */
  forward(x: Tensor): Tensor {
    return this.next(x)['h']!;
  }
}

/**
 * h' = f(W_ih x + b_ih + W_hh h + b_hh), f = tanh or relu (Elman 1990; notes 7.1). See `scan` for other cells. The constructor
 * throws ArgumentError for another nonlinearity.
 */
export class RNNCell extends CellModule<HiddenState> {
  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = 'tanh', ...options }: CellOptions & { nonlinearity?: RNNNonlinearity } = {},
  ) {
    super(rnnCell('RNNCell', nonlinearity), inputSize, hiddenSize, options);
  }
}

/** Gates in the order i, f, g, o: c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c') (Hochreiter and Schmidhuber 1997; notes 7.3). */
export class LSTMCell extends CellModule<LSTMState> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(lstmCell, inputSize, hiddenSize, options);
  }
}

/** Gates in the order r, z, n: h' = (1 − z) ⊙ n + z ⊙ h (Cho et al. 2014; the reset gate as in PyTorch). */
export class GRUCell extends CellModule<HiddenState> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(gruCell, inputSize, hiddenSize, options);
  }
}

// --- Whole sequences -------------------------------------------------------------------------

export interface RecurrentOptions extends CellOptions {
  /** Layers on top of each other; default 1. */
  numLayers?: number;
  /** A second cell per layer that reads from the end; outputs are concatenated, forward first. Default false. */
  bidirectional?: boolean;
  /** Probability of dropping an output between layers, in [0, 1); default 0. */
  dropout?: number;
  /** x is [b, t, in], not [t, b, in]; default true. */
  batchFirst?: boolean;
}

/** Initial states [layers · directions, b, hidden], zero where absent, and lengths. */
export type UnrollOptions<S extends State> = Partial<S> & {
  /**
   * Steps of each sequence, i32 [b] in 1 … t. Outputs are 0 past the end, final states are those at the end of each
   * sequence, and the backward direction starts there, as with PyTorch's packed sequences. Constants and inputs of the
   * step are checked, lengths that it computes are not; see `ScanOptions`.
   */
  lengths?: Tensor;
};

/** Outputs [b, t, directions · hidden] (time first without `batchFirst`) and final states [layers · directions, b, hidden]. */
export type Unrolled<S extends State> = S & { readonly output: Tensor };

/**
 * Deep, bidirectional recurrence (notes 7.2), on `scan`: the inputs of all time steps are projected by one product, and
 * each step adds the state's. Parameters have PyTorch's names, `weight_ih_l0` … `bias_hh_l1_reverse`, and start uniform
 * in ±1/√hidden. Layer k reads the outputs of layer k − 1.
 */
abstract class Recurrent<S extends State> extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly #cell: Cell<S>;
  readonly #weights: readonly { readonly suffix: string; readonly weights: CellWeights }[];

  constructor(
    cell: Cell<S>,
    inputSize: number,
    hiddenSize: number,
    { bias = true, numLayers = 1, bidirectional = false, dropout = 0, batchFirst = true }: RecurrentOptions,
  ) {
    super();
    const op = new.target.name;
    if (!Number.isInteger(numLayers) || numLayers < 1)
      throw new ArgumentError(op, 'numLayers >= 1', numLayers);
    if (!(dropout >= 0 && dropout < 1)) throw new ArgumentError(op, 'dropout in [0, 1)', dropout);
    this.#cell = cell;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bidirectional = bidirectional;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    const [rows, init] = [cell.gates * hiddenSize, fanInUniform(hiddenSize)];
    const directions = bidirectional ? ['', '_reverse'] : [''];
    this.#weights = Array.from({ length: numLayers }, (_, layer) =>
      directions.map((direction) => ({
        suffix: `_l${layer}${direction}`,
        weights: {
          ih: new Parameter([rows, layer === 0 ? inputSize : hiddenSize * directions.length], init),
          hh: new Parameter([rows, hiddenSize], init),
          biasIh: bias ? new Parameter([rows], init) : null,
          biasHh: bias ? new Parameter([rows], init) : null,
        },
      })),
    ).flat();
  }

  override *children(): Iterable<[string, Parameter]> {
    for (const { suffix, weights } of this.#weights) {
      const named = {
        weight_ih: weights.ih,
        weight_hh: weights.hh,
        bias_ih: weights.biasIh,
        bias_hh: weights.biasHh,
      };
      for (const [name, parameter] of Object.entries(named))
        if (parameter) yield [name + suffix, parameter as Parameter];
    }
  }

  get summaryNote(): string | null {
    return this.#weights[0]!.weights.biasHh ? TWO_BIASES : null;
  }

  /** The outputs of all steps from zero states: x [b, t, inputSize] → [b, t, directions · hidden]; see `unroll`. */
  forward(x: Tensor): Tensor {
    return this.unroll(x).output;
  }

  /**
   * Run over a batch of sequences.
   *
   * @param x [b, t, inputSize], or [t, b, inputSize] without `batchFirst`
   * @param options initial states by name, and `lengths`
   * @returns `output` and the final states by name
   * @throws ShapeError when a shape does not fit, ArgumentError for known lengths outside 1 … t (for lengths that are an input
   *   of the step, its call throws it)
   */
  unroll(x: Tensor, { lengths, ...initial }: UnrollOptions<S> = {} as UnrollOptions<S>): Unrolled<S> {
    const op = this.constructor.name;
    checkInput(op, x, 3, this.inputSize);
    const swap = (y: Tensor) => (this.batchFirst ? permute(y, [1, 0, 2]) : y);
    let input = swap(x);
    const [b, directions] = [input.shape[1]!, this.bidirectional ? 2 : 1];
    const names = this.#cell.state;
    const given = initial as Partial<Record<string, Tensor>>;
    for (const name of names)
      checkState(op, name, given[name], [this.numLayers * directions, b, this.hiddenSize]);

    const finals: S[] = [];
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0 && this.training && this.dropout > 0)
        input = mul(input, mul(bernoulli(1 - this.dropout, input.shape), 1 / (1 - this.dropout)));
      const outputs = Array.from({ length: directions }, (_, direction) => {
        const index = layer * directions + direction;
        const { weights } = this.#weights[index]!;
        const start = names.map((name) => {
          const states = given[name];
          if (!states) return [name, fill(0, [b, this.hiddenSize])];
          return [name, reshape(slice(states, [[index, index + 1]]), [b, this.hiddenSize])];
        });
        const { carry, ys } = scan(
          (state: S, projected: Tensor) => {
            const next = this.#cell.next(projected, state, weights);
            return [next, next['h']!];
          },
          Object.fromEntries(start) as S,
          this.#cell.project(input, weights),
          { reverse: direction === 1, ...(lengths ? { lengths } : {}) },
        );
        finals.push(carry);
        return ys;
      });
      input = outputs.length === 1 ? outputs[0]! : concat(outputs, -1);
    }
    const states = Object.fromEntries(
      names.map((name) => [name, stack(finals.map((final) => final[name]!))]),
    );
    return { ...(states as unknown as S), output: swap(input) };
  }
}

/**
 * Elman recurrence h' = f(W_ih x + b_ih + W_hh h + b_hh), f = tanh or relu (notes 7.1, 7.2); see `unroll`, and `scan` for other
 * cells. The constructor throws ArgumentError for another nonlinearity.
 */
export class RNN extends Recurrent<HiddenState> {
  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = 'tanh', ...options }: RecurrentOptions & { nonlinearity?: RNNNonlinearity } = {},
  ) {
    super(rnnCell('RNN', nonlinearity), inputSize, hiddenSize, options);
  }
}

/** Long short-term memory, gates in the order i, f, g, o (notes 7.3), with states `h` and `c`; see `unroll`. */
export class LSTM extends Recurrent<LSTMState> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(lstmCell, inputSize, hiddenSize, options);
  }
}

/** Gated recurrent units, gates in the order r, z, n (Cho et al. 2014), with PyTorch's reset gate; see `unroll`. */
export class GRU extends Recurrent<HiddenState> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(gruCell, inputSize, hiddenSize, options);
  }
}
