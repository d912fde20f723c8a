import { defineCard, tex } from '../../contract.ts';
import { element } from '../../dom.ts';
import { DepthChart } from './depth-chart.ts';
import { scientific } from './scientific.ts';
import type { View } from './trainer.ts';

export default defineCard<View, Record<string, never>>({
  equations: [
    {
      name: 'A layer',
      formula: tex`f_k(\mathbf h) = \sigma(\mathbf W_k \mathbf h + \mathbf b_k)`,
      code: 'this.layers.push(',
    },
    {
      name: 'Plain',
      formula: tex`\mathbf h_k = f_k(\mathbf h_{k-1})`,
      code: 'return f.forward(h)',
    },
    {
      name: 'Residual',
      formula: tex`\mathbf h_k = \mathbf h_{k-1} + f_k(\mathbf h_{k-1})`,
      code: 'return add(h, f.forward(h))',
    },
    {
      name: 'Cross-entropy',
      formula: tex`L = -\frac1B \sum_{i=1}^{B} \log \operatorname{softmax}(\mathbf z_i)_{y_i}`,
      code: 'const residualLoss =',
    },
    {
      name: 'Gradient, plain without I',
      formula: tex`\frac{\partial L}{\partial \mathbf h_{k-1}} = \Big(\mathbf I + \frac{\partial f_k}{\partial \mathbf h_{k-1}}\Big)^{\mathsf T} \frac{\partial L}{\partial \mathbf h_k}`,
      code: 'const gradients = grad(loss, h)',
    },
  ],
  charts: [
    {
      title: 'Loss',
      logarithmic: true,
      series: {
        plainLoss: { label: 'plain', colour: '--warm', smooth: true },
        residualLoss: { label: 'residual', colour: '--accent', smooth: true },
      },
    },
    {
      title: 'Held-out accuracy',
      share: true,
      series: {
        plainAccuracy: { label: 'plain', colour: '--warm' },
        residualAccuracy: { label: 'residual', colour: '--accent' },
      },
    },
  ],

  mount(panel) {
    const figures = { plain: figure('plain'), residual: figure('residual'), ratio: figure('ratio') };
    const entry = (label: string, value: HTMLElement, colour: string) =>
      element(
        'div',
        { style: `--series: var(${colour})` },
        element('dt', {}, label),
        element('dd', {}, value),
      );
    const chosen = element('p', { class: 'quiet', id: 'layer' });
    const chart = new DepthChart((layer, { plain, residual }) => {
      chosen.textContent = `layer ${layer}`;
      figures.plain.textContent = scientific(plain);
      figures.residual.textContent = scientific(residual);
      figures.ratio.textContent = scientific(residual / plain);
    });
    panel.append(
      element(
        'section',
        { class: 'card depth', 'aria-labelledby': 'depth-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'depth-title' }, 'The gradient at each layer'),
          chosen,
        ),
        element(
          'dl',
          { class: 'legend' },
          entry('plain', figures.plain, '--warm'),
          entry('residual', figures.residual, '--accent'),
          entry('residual / plain', figures.ratio, '--ink'),
        ),
        chart.element,
        element(
          'p',
          { class: 'quiet' },
          'The norm of ∂L/∂h for 64 held-out digits, from near the input to near the output. Click a layer; by keyboard, arrow keys choose one.',
        ),
      ),
    );
    return {
      show: (view) => chart.show({ plain: view.plain!, residual: view.residual! }),
      close: () => chart.close(),
    };
  },
});

const figure = (id: string) => element('span', { class: 'figure', id: `norm-${id}` }, '–');
