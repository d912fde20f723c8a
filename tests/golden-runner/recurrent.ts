import { nn, type Tensor } from '../../src/index.ts';
import type { Attrs } from './case.ts';
import { withParametersOf, type Formula, type Operands } from './formula.ts';

const layers = { rnn: nn.RNN, lstm: nn.LSTM, gru: nn.GRU };
type Kind = keyof typeof layers;

/** The module of a whole-sequence case, or the recurrent part of a training. */
export function recurrentLayer(kind: Kind, inputSize: number, attrs: Attrs): nn.RNN | nn.LSTM | nn.GRU {
  const options = {
    numLayers: attrs.get<number>('layers', 1),
    bidirectional: attrs.get<boolean>('bidirectional', false),
  };
  const hidden = attrs.get<number>('hidden');
  const nonlinearity = attrs.get<nn.RNNNonlinearity>('nonlinearity', 'tanh');
  return kind === 'rnn'
    ? new nn.RNN(inputSize, hidden, { ...options, nonlinearity })
    : new layers[kind](inputSize, hidden, options);
}

const sequence =
  (kind: Kind): Formula =>
  (t, attrs) => {
    attrs.describes('variable_lengths', 'initial_state');
    const layer = recurrentLayer(kind, t.get('x').shape[2]!, attrs);
    const { h0, c0, lengths } = t.present('h0', 'c0', 'lengths');
    const given = { ...(h0 && { h: h0 }), ...(c0 && { c: c0 }), ...(lengths && { lengths }) };
    const { output, h, c } = layer.unroll(t.get('x'), given) as Record<'output' | 'h' | 'c', Tensor>;
    return withParametersOf(t, layer, { y: output, hn: h, ...(c && { cn: c }) });
  };

const cell =
  (
    make: (inputSize: number, hidden: number, attrs: Attrs) => nn.RNNCell | nn.LSTMCell | nn.GRUCell,
  ): Formula =>
  (t: Operands, attrs) => {
    const [x, h] = [t.get('x'), t.get('h')];
    const module = make(x.shape[1]!, h.shape[1]!, attrs);
    const next = module.next(x, { h, ...t.present('c') } as nn.LSTMState);
    return withParametersOf(t, module, { ...next });
  };

/** Golden operation → formula. */
export const recurrentFormulas: Readonly<Record<string, Formula>> = {
  rnn: sequence('rnn'),
  lstm: sequence('lstm'),
  gru: sequence('gru'),
  rnn_cell: cell(
    (inputSize, hidden, attrs) =>
      new nn.RNNCell(inputSize, hidden, { nonlinearity: attrs.get<nn.RNNNonlinearity>('nonlinearity') }),
  ),
  lstm_cell: cell((inputSize, hidden) => new nn.LSTMCell(inputSize, hidden)),
  gru_cell: cell((inputSize, hidden) => new nn.GRUCell(inputSize, hidden)),
};
