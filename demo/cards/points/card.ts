import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { Plane } from './plane.ts';
import type { Inputs, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Hidden layers',
      formula: tex`\mathbf h_k = \sigma(\mathbf W_k \mathbf h_{k-1} + \mathbf b_k),\qquad \mathbf h_0 = \mathbf x`,
      code: 'layers.push(',
    },
    {
      name: 'Logits',
      formula: tex`\mathbf z = \mathbf W\,\mathbf h_K + \mathbf b`,
      code: 'const z = model.forward(x)',
    },
    {
      name: 'Cross-entropy',
      formula: tex`L = -\frac1B \sum_{i=1}^{B} \log \operatorname{softmax}(\mathbf z_i)_{y_i}`,
      code: 'const loss =',
    },
    { name: 'Backpropagation', formula: tex`\mathbf g = \nabla_{\!\theta}\, L`, code: 'const gradients' },
    {
      name: 'Update, for SGD',
      formula: tex`\theta \leftarrow \theta - \eta\,\mathbf g`,
      code: 'updates: optimizer.update',
    },
  ],
  charts: [
    {
      title: 'Loss',
      logarithmic: true,
      series: { loss: { label: 'cross-entropy', colour: '--accent', smooth: true } },
    },
    {
      title: 'Accuracy',
      share: true,
      series: {
        trainAccuracy: { label: 'on these points', colour: '--warm' },
        testAccuracy: { label: 'on others', colour: '--good' },
      },
    },
  ],

  mount(panel, { send }) {
    const own: { x: number; y: number; label: number }[] = [];
    const sendOwn = () => {
      undo.disabled = own.length === 0;
      send('own', {
        x: Float32Array.from(own.flatMap(({ x, y }) => [x, y])),
        y: Int32Array.from(own, ({ label }) => label),
      });
    };
    const undo = button(
      'Remove my points',
      () => {
        own.length = 0;
        sendOwn();
      },
      'small',
    );
    undo.disabled = true;
    const classes = ['A', 'B'].map((name, label) => {
      const input = element('input', {
        type: 'radio',
        name: 'class',
        value: String(label),
        checked: label === 0,
      });
      return element(
        'label',
        {},
        input,
        element('span', {}, element('i', { class: `dot dot-${label}` }), name),
      );
    });
    const plane = new Plane(([x, y]) => {
      const chosen = panel.querySelector<HTMLInputElement>('input[name=class]:checked')!;
      own.push({ x, y, label: Number(chosen.value) });
      sendOwn();
    });
    panel.append(
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'plane-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'plane-title' }, 'What the network decides'),
          undo,
        ),
        plane.element,
        element(
          'div',
          { class: 'under' },
          element(
            'fieldset',
            { class: 'inline' },
            element('legend', {}, 'New points are of class'),
            element('div', { class: 'segments' }, ...classes),
          ),
          element('p', { class: 'quiet' }, 'Click to add a point. By keyboard: arrow keys move, Enter adds.'),
        ),
      ),
    );
    return {
      show: ({ field, points }) => plane.show(field!, points!),
      close: () => plane.close(),
    };
  },
});
