import { defineCard, tex, type Series } from '../../contract.ts';
import { element } from '../../dom.ts';
import { MethodGrid, percent } from './method-grid.ts';
import { METHODS, NAMES, type Method } from './methods.ts';
import type { Outcome, View } from './trainer.ts';

const COLOURS: Readonly<Record<Method, string>> = {
  none: '--bad',
  l1: '--warm',
  l2: '--accent',
  dropout: '--good',
  batchNorm: '--quiet',
  earlyStopping: '--ink',
};
const seriesOf = (suffix: string): Record<string, Series> =>
  Object.fromEntries(
    NAMES.map((method) => [`${method}${suffix}`, { label: METHODS[method], colour: COLOURS[method] }]),
  );

export default defineCard<View, Record<string, never>>({
  equations: [
    {
      name: 'Batch norm of a unit',
      formula: tex`\tilde z = \gamma\, \frac{z - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta`,
      code: 'batchNorm = network(',
    },
    {
      name: 'Dropout, m is 0 or 1',
      formula: tex`\mathbf h' = \frac{\mathbf m \odot \mathbf h}{1 - p}`,
      code: 'this.dropout = network(',
    },
    {
      name: 'Early stopping',
      formula: tex`\theta^* = \theta_s,\quad s = \arg\min_t L_{\mathrm{val}}(\theta_t)`,
      code: 'const improves =',
    },
    {
      name: 'ℓ¹ penalty',
      formula: tex`L' = L + \lambda \sum_i |w_i|`,
      code: 'loss(lab.l1)',
    },
    {
      name: 'ℓ² penalty',
      formula: tex`L' = L + \frac\lambda2 \sum_i w_i^2`,
      code: 'loss(lab.l2)',
    },
  ],
  charts: [
    { title: 'Validation loss', logarithmic: true, series: seriesOf('') },
    { title: 'Held-out accuracy', share: true, series: seriesOf('Accuracy') },
  ],

  mount(panel) {
    let view: View | null = null;
    let shown: 'learned' | 'heldOut' = 'learned';

    const grid = new MethodGrid();
    const rows = NAMES.map((method) => {
      const cells = COLUMNS.map(() => element('td', {}, '–'));
      const name = element(
        'th',
        { scope: 'row', style: `--series: var(${COLOURS[method]})` },
        METHODS[method],
      );
      return { method, cells, row: element('tr', {}, name, ...cells) };
    });
    const options = (
      [
        ['learned', 'Learned'],
        ['heldOut', 'Held out'],
      ] as const
    ).map(([value, label]) => {
      const input = element('input', { type: 'radio', name: 'points', value, checked: value === shown });
      input.addEventListener('change', () => {
        shown = value;
        show();
      });
      return element('label', {}, input, element('span', {}, label));
    });

    function show(): void {
      if (!view) return;
      grid.show(view.outcomes, view[shown], shown);
      for (const { method, cells } of rows)
        for (const [i, [, text]] of COLUMNS.entries()) cells[i]!.textContent = text(view.outcomes[method]);
    }

    panel.append(
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'decisions-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'decisions-title' }, 'What each network decides'),
          element(
            'fieldset',
            { class: 'inline choose-points' },
            element('legend', { class: 'hidden' }, 'Points shown'),
            element('div', { class: 'segments' }, ...options),
          ),
        ),
        grid.element,
      ),
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'outcomes-title' },
        element('header', { class: 'line' }, element('h2', { id: 'outcomes-title' }, 'What came of it')),
        element(
          'table',
          { class: 'outcomes', 'aria-labelledby': 'outcomes-title' },
          element(
            'thead',
            {},
            element(
              'tr',
              {},
              element('td', {}),
              ...COLUMNS.map(([name]) => element('th', { scope: 'col' }, name)),
            ),
          ),
          element('tbody', {}, ...rows.map(({ row }) => row)),
        ),
      ),
    );
    return {
      show(next) {
        view = next as View;
        show();
      },
      close: () => grid.close(),
    };
  },
});

const COLUMNS: readonly (readonly [name: string, text: (outcome: Outcome) => string])[] = [
  ['Right, learned', ({ learned }) => percent(learned)],
  ['Right, held out', ({ heldOut }) => percent(heldOut)],
  ['‖w‖', ({ norm }) => norm.toFixed(1)],
  ['|w| < 0.01', ({ nearZero }) => percent(nearZero)],
];
