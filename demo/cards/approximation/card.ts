import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { Graph } from './graph.ts';
import type { Drawn, Inputs, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Most linear pieces',
      formula: tex`(D + 1)^K`,
      code: 'export const mostPieces',
    },
    {
      name: 'Hidden layers, with h₀ = x',
      formula: tex`\mathbf h_k = \max(0,\; \mathbf W_k \mathbf h_{k-1} + \mathbf b_k)`,
      code: 'hidden.push(',
    },
    {
      name: 'Output',
      formula: tex`f(x) = \mathbf w^{\mathsf T} \mathbf h_K + b`,
      code: 'const last =',
    },
    {
      name: 'Mean squared error',
      formula: tex`L = \frac1B \sum_{i=1}^{B} \big(f(x_i) - y_i\big)^2`,
      code: 'const loss =',
    },
    {
      name: 'Joints, for one layer',
      formula: tex`w_j x + b_j = 0 \;\Rightarrow\; x = -\frac{b_j}{w_j}`,
      code: 'return analysis.linearPieces',
    },
  ],
  charts: [
    {
      title: 'Loss',
      logarithmic: true,
      series: { loss: { label: 'mean squared error', colour: '--accent', smooth: true } },
    },
    {
      title: 'Linear pieces',
      series: { pieces: { label: 'of f, for x from −1 to 1', colour: '--warm' } },
    },
  ],

  mount(panel, { send }) {
    let preset: Drawn['over'] | null = null;
    let drawn: Drawn | null = null;
    let sending = 0;

    const undo = button('Remove my drawing', () => setDrawn(null), 'small');
    const count = element('strong', { id: 'pieces' }, '–');
    const most = element('span', { id: 'most' });
    const graph = new Graph((y) => preset && setDrawn({ over: preset, y }));
    function setDrawn(value: Drawn | null): void {
      drawn = value;
      undo.disabled = value === null;
      cancelAnimationFrame(sending);
      sending = requestAnimationFrame(() => send('drawn', value));
    }
    undo.disabled = true;

    panel.append(
      element(
        'section',
        { class: 'card approximation', 'aria-labelledby': 'graph-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'graph-title' }, 'A curve in straight pieces'),
          undo,
        ),
        graph.element,
        element(
          'div',
          { class: 'under' },
          element('p', { class: 'verdict' }, count, ' ', most),
          element(
            'ul',
            { class: 'keys' },
            key('target', 'the curve'),
            key('network', 'the network'),
            key('joint', 'its joints'),
          ),
        ),
        element(
          'p',
          { class: 'quiet' },
          'Draw over the curve. By keyboard: left and right move along it, up and down bend it.',
        ),
      ),
    );
    return {
      show(view) {
        if (view.preset !== drawn?.over) {
          drawn = null;
          undo.disabled = true;
        }
        preset = view.preset!;
        graph.show(drawn ? null : view.target!, view.joints!);
        const pieces = view.joints!.length / 2 - 1;
        count.textContent = pieces > 0 ? String(pieces) : '–';
        most.textContent = `linear ${pieces === 1 ? 'piece' : 'pieces'}, of at most ${view.most!.toLocaleString('en')}`;
      },
      close() {
        cancelAnimationFrame(sending);
        graph.close();
      },
    };
  },
});

const key = (kind: string, label: string) =>
  element('li', {}, element('i', { class: `key key-${kind}` }), label);
