import { defineCard, tex } from '../../contract.ts';
import { element } from '../../dom.ts';
import { HeatMaps, type Matrices } from '../../kit/heat-maps.ts';
import { WRITTEN } from './extent.ts';
import { Samples } from './samples.ts';
import type { Inputs, View } from './trainer.ts';

const TYPED = '3 March 2021';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Encoder, of all of x',
      formula: tex`\mathbf M = \operatorname{Encoder}(\mathbf E \mathbf x + \mathbf P)`,
      code: 'const h = this.encoder.reduce',
    },
    {
      name: 'Cross-attention of a head',
      formula: tex`\operatorname{softmax}\!\Big(\frac{\mathbf Q_y \mathbf K_M^{\mathsf T}}{\sqrt d}\Big) \mathbf V_M`,
      code: 'const found = this.cross.look',
    },
    {
      name: 'Feed-forward part',
      formula: tex`\mathbf a + \mathbf W_2 \max(0,\; \mathbf W_1 \operatorname{LN}(\mathbf a))`,
      code: 'return add(a, ',
    },
    {
      name: 'Translation',
      formula: tex`p(y \mid x) = \prod_{t} \operatorname{softmax}(\mathbf z_t)_{y_t}`,
      code: 'return { z: ',
    },
    {
      name: 'Loss, in nats per character',
      formula: tex`L = -\frac1T \sum_{t=1}^{T} \log p(y_t \mid y_{<t}, x)`,
      code: 'const loss =',
    },
    {
      name: 'Reading, step by step',
      formula: tex`\hat y_t = \operatorname*{argmax}_{y}\; p(y \mid \hat y_{<t}, x)`,
      code: 'const likeliest =',
    },
  ],
  charts: [
    {
      title: 'Loss',
      logarithmic: true,
      series: { loss: { label: 'nats per character', colour: '--accent', smooth: true } },
    },
    {
      title: 'Accuracy on held-out dates',
      share: true,
      series: {
        characters: { label: 'characters', colour: '--warm' },
        exact: { label: 'whole dates', colour: '--good' },
      },
    },
  ],

  mount(panel, { send }) {
    let matrices: Matrices | null = null;

    const typed = element('input', {
      id: 'typed',
      type: 'text',
      value: TYPED,
      maxlength: String(WRITTEN),
      autocomplete: 'off',
      spellcheck: 'false',
    });
    typed.addEventListener('input', () => send('typed', typed.value));
    const reading = element('strong', { class: 'iso', id: 'reading' }, '–');
    const verdict = element('span', { id: 'verdict' });
    const maps = new HeatMaps('map', 'Heat map.', (row, column, value) => {
      const [output, input] = [matrices!.rows[row], matrices!.columns[column]];
      return `‘${output}’ looks at ‘${input}’: ${(100 * value).toFixed(1)} %`;
    });
    const samples = new Samples((written) => {
      typed.value = written;
      send('typed', written);
    });

    panel.append(
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'type-title' },
        element('header', { class: 'line' }, element('h2', { id: 'type-title' }, 'Type a date')),
        element(
          'div',
          { class: 'translation' },
          element(
            'div',
            { class: 'field' },
            element('label', { for: 'typed' }, 'Any day from 1969 to 2068'),
            typed,
          ),
          element('p', { class: 'verdict' }, reading, ' ', verdict),
        ),
      ),
      element(
        'section',
        { class: 'card maps-above', 'aria-labelledby': 'map-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'map-title' }, 'Where it looks for each character'),
        ),
        maps.element,
        maps.beside,
        element(
          'p',
          { class: 'quiet' },
          'Each row is a character that it writes, each column one that it reads. Point at a cell, or move with the arrow keys.',
        ),
      ),
      samples.element,
    );
    send('typed', TYPED);

    return {
      show(view) {
        const isEmpty = view.maps!.columns.length === 0;
        reading.textContent = isEmpty ? '–' : view.reading!;
        verdict.textContent = isEmpty ? '' : view.right ? 'right' : 'wrong, or a form that it does not know';
        verdict.dataset['right'] = String(view.right);
        matrices = view.maps!;
        maps.show(matrices);
        samples.show(view.samples!, view.readings!);
      },
      close: () => maps.close(),
    };
  },
});
