import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { HeatMaps, type Matrices } from '../../kit/heat-maps.ts';
import { LONGEST_PROMPT } from './extent.ts';
import type { Inputs, View } from './trainer.ts';

const PROMPT = 'My love is ';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'RNN',
      formula: tex`\mathbf h_t = \tanh(\mathbf W \mathbf x_t + \mathbf U \mathbf h_{t-1} + \mathbf b)`,
      code: 'RNN: () =>',
    },
    {
      name: 'GRU, with a gate z',
      formula: tex`\mathbf h_t = (1 - \mathbf z_t) \odot \mathbf n_t + \mathbf z_t \odot \mathbf h_{t-1}`,
      code: 'GRU: () =>',
    },
    {
      name: 'LSTM, with gates f, i',
      formula: tex`\mathbf c_t = \mathbf f_t \odot \mathbf c_{t-1} + \mathbf i_t \odot \mathbf g_t`,
      code: 'LSTM: () =>',
    },
    {
      name: 'Attention of each head',
      formula: tex`\operatorname{softmax}\!\Big(\frac{\mathbf Q \mathbf K^{\mathsf T}}{\sqrt d}\Big) \mathbf V`,
      code: 'const { y, weights } =',
    },
    {
      name: 'Feed-forward part',
      formula: tex`\mathbf h = \mathbf a + \mathbf W_2 \max(0,\; \mathbf W_1 \operatorname{LN}(\mathbf a))`,
      code: 'const h = add(a, ',
    },
    {
      name: 'Loss, in nats per character',
      formula: tex`L = -\frac1T \sum_{t=1}^{T} \log \operatorname{softmax}(\mathbf z_t)_{x_{t+1}}`,
      code: 'const loss =',
    },
    {
      name: 'Writing, at temperature τ',
      formula: tex`x_{t+1} \sim \operatorname{softmax}(\mathbf z_t / \tau)`,
      code: 'nn.sampleToken(',
    },
  ],
  charts: [
    {
      title: 'Loss',
      series: { loss: { label: 'nats per character', colour: '--accent', smooth: true } },
    },
    {
      title: 'Perplexity',
      logarithmic: true,
      series: { perplexity: { label: 'on held-out sonnets', colour: '--good' } },
    },
  ],

  mount(panel, { send }) {
    let matrices: Matrices | null = null;
    let draws = 0;

    const another = button('Write another', () => send('draw', ++draws), 'small');
    const prompt = element('input', {
      id: 'prompt',
      type: 'text',
      value: PROMPT,
      maxlength: String(LONGEST_PROMPT),
      autocomplete: 'off',
      spellcheck: 'false',
    });
    prompt.addEventListener('input', () => send('prompt', prompt.value));
    const given = element('strong');
    const written = element('span', { id: 'written' });
    const mapTitle = element('h2', { id: 'map-title' });
    const mapHint = element('p', { class: 'quiet' });
    const maps = new HeatMaps('map', 'Heat map.', describe);
    function describe(row: number, column: number, value: number): string {
      const { columns, rows, signed } = matrices!;
      return signed
        ? `unit ${row + 1} after ‘${columns[column]}’: ${value.toFixed(2).replace('-', '−')}`
        : `‘${rows[row]}’ looks at ‘${columns[column]}’: ${(100 * value).toFixed(1)} %`;
    }

    panel.append(
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'written-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'written-title' }, 'What it writes now'),
          another,
        ),
        element(
          'div',
          { class: 'field' },
          element('label', { for: 'prompt' }, 'You begin, it goes on'),
          prompt,
        ),
        element('p', { class: 'written' }, given, written),
      ),
      element(
        'section',
        { class: 'card maps-beside', 'aria-labelledby': 'map-title' },
        element('header', { class: 'line' }, mapTitle),
        maps.element,
        element('div', { class: 'beside' }, maps.beside, mapHint),
      ),
    );
    send('prompt', PROMPT);

    return {
      show(view) {
        given.textContent = view.prompt!;
        written.textContent = view.written!;
        matrices = view.maps!;
        mapTitle.textContent = matrices.signed ? 'What it keeps in mind' : 'Where it looks back';
        mapHint.textContent = matrices.signed
          ? 'Each column is what the layer knows after a character: blue is positive, orange negative. Point at a cell, or move with the arrow keys.'
          : 'Each row is how a character weighs those before it, to tell what comes next. Point at a cell, or move with the arrow keys.';
        maps.show(matrices);
      },
      close: () => maps.close(),
    };
  },
});
