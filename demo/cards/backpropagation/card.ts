import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { INPUTS, LAST } from './extent.ts';
import { NetworkGraph } from './network-graph.ts';
import { firstOf, PARTS, partOf, PHASES, type Phase } from './parts.ts';
import type { Inputs, Pass, View } from './trainer.ts';
import { worked, type Neuron } from './worked.ts';

/** Neuron by neuron; beside the code stand the same formulas layer by layer. */
const FORMULAS: Readonly<Record<Phase, string>> = {
  forward: tex`z_j^{(l)} = \sum_i w_{ji}^{(l)} h_i^{(l-1)} + b_j^{(l)},\; h_j^{(l)} = \sigma\big(z_j^{(l)}\big)`,
  loss: tex`L = -t \log h - (1 - t) \log(1 - h)`,
  'output error': tex`\delta^{(L)} = \frac{\partial L}{\partial z^{(L)}} = h^{(L)} - t`,
  backward: tex`\delta_j^{(l)} = \sigma'\big(z_j^{(l)}\big) \sum_k w_{kj}^{(l+1)} \delta_k^{(l+1)}`,
  gradients: tex`\frac{\partial L}{\partial w_{ji}^{(l)}} = \delta_j^{(l)} h_i^{(l-1)},\; \frac{\partial L}{\partial b_j^{(l)}} = \delta_j^{(l)}`,
  update: tex`w \leftarrow w - \eta\, \frac{\partial L}{\partial w}`,
};
const NAMES: Readonly<Record<Phase, string>> = {
  forward: 'Forward',
  loss: 'Loss',
  'output error': 'Error of the output',
  backward: 'Backward',
  gradients: 'Gradients',
  update: 'Update',
};

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Weighted sums',
      formula: tex`\mathbf z^{(l)} = \mathbf W^{(l)} \mathbf h^{(l-1)} + \mathbf b^{(l)}`,
      code: 'z.push(',
    },
    {
      name: 'Activations',
      formula: tex`\mathbf h^{(l)} = \sigma\big(\mathbf z^{(l)}\big)`,
      code: 'h.push(',
    },
    {
      name: 'Binary cross-entropy',
      formula: tex`L = -t \log h - (1 - t) \log(1 - h)`,
      code: 'const lossOf =',
    },
    {
      name: 'Errors δ = ∂L/∂z',
      formula: tex`\delta^{(l)} = \big(\mathbf W^{(l+1)\mathsf T} \delta^{(l+1)}\big) \odot \sigma'\big(\mathbf z^{(l)}\big)`,
      code: 'const delta = grad(',
    },
    {
      name: 'Gradients of weights',
      formula: tex`\frac{\partial L}{\partial \mathbf W^{(l)}} = \delta^{(l)} \mathbf h^{(l-1)\mathsf T}`,
      code: 'const dW = grad(',
    },
    {
      name: 'Gradients of biases',
      formula: tex`\frac{\partial L}{\partial \mathbf b^{(l)}} = \delta^{(l)}`,
      code: 'const db = grad(',
    },
    {
      name: 'Update',
      formula: tex`\mathbf W \leftarrow \mathbf W - \eta\, \frac{\partial L}{\partial \mathbf W}`,
      code: 'const step =',
    },
  ],
  charts: [
    {
      title: 'Loss',
      logarithmic: true,
      series: { loss: { label: 'of the example just learned', colour: '--accent', smooth: true } },
    },
    {
      title: 'Output for each example',
      share: true,
      series: {
        p00: { label: '0 0', colour: '--accent' },
        p01: { label: '0 1', colour: '--good' },
        p10: { label: '1 0', colour: '--warm' },
        p11: { label: '1 1', colour: '--bad' },
      },
    },
  ],

  mount(panel, { send }) {
    let pass: Pass | null = null;
    let part = 0;
    let chosen: Neuron = { layer: 0, j: 0 };

    const graph = new NetworkGraph((neuron) => {
      part = partOf(neuron.layer, part);
      chosen = neuron;
      show();
    });
    const examples = INPUTS.map((_, i) => exampleOption(i, () => send('example', i)));
    const back = button('Back', () => go(part - 1), 'small');
    const next = button('Next', () => go(part + 1), 'small');
    const count = element('span', { class: 'quiet count', id: 'part' });
    const title = element('strong', { id: 'part-title' });
    const numbers = element('div', { class: 'worked', id: 'worked' });
    const phases = PHASES.map((phase) => phaseButton(phase, () => go(firstOf(phase))));

    function go(to: number): void {
      part = Math.min(PARTS.length - 1, Math.max(0, to));
      show();
    }
    function show(): void {
      const { layer, phase, title: name } = PARTS[part]!;
      // all layers have their turn at once where it is null, but the input has nothing to learn
      if (layer === null ? chosen.layer === 0 : chosen.layer !== layer) chosen = { layer: layer ?? 1, j: 0 };
      count.textContent = `${part + 1} of ${PARTS.length}`;
      back.disabled = part === 0;
      next.disabled = part === PARTS.length - 1;
      for (const [i, made] of phases.entries()) made.ariaCurrent = PHASES[i] === phase ? 'step' : null;
      const where = layer === null ? `, layer ${chosen.layer}` : '';
      const who = chosen.layer > 0 && chosen.layer < LAST ? `, neuron ${chosen.j + 1}` : '';
      title.textContent = name + where + who;
      if (!pass) return;
      graph.show(pass, part, chosen);
      numbers.replaceChildren(...worked(pass, part, chosen).map((line) => element('p', {}, line)));
      for (const [i, { input, text }] of examples.entries()) {
        input.checked = i === pass.example;
        text.textContent = `${INPUTS[i]!.join(' ')} → ${pass.targets[i]}`;
      }
    }

    const section = element(
      'section',
      { class: 'card inspector', 'aria-labelledby': 'inspector-title' },
      element(
        'header',
        { class: 'line' },
        element('h2', { id: 'inspector-title' }, 'One example, step by step'),
        count,
      ),
      graph.element,
      element(
        'div',
        { class: 'parts' },
        element('div', { class: 'turn', role: 'status' }, title, numbers),
        element('div', { class: 'buttons' }, back, next),
      ),
      element('ol', { class: 'phases' }, ...phases.map((made) => element('li', {}, made))),
      element(
        'div',
        { class: 'under' },
        element(
          'fieldset',
          { class: 'inline' },
          element('legend', {}, 'The next step learns'),
          element('div', { class: 'segments' }, ...examples.map(({ label }) => label)),
        ),
        element(
          'p',
          { class: 'quiet' },
          'Click a neuron for its numbers. By keyboard: left and right arrow keys turn the parts. Step makes the update.',
        ),
      ),
    );
    section.addEventListener('keydown', (event) => {
      const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (turn === undefined || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      go(part + turn);
    });
    panel.append(section);
    show();
    return {
      show(view) {
        pass = view.pass!;
        show();
      },
      close: () => graph.close(),
    };
  },
});

function exampleOption(example: number, onChoose: () => void) {
  const input = element('input', { type: 'radio', name: 'example', value: String(example) });
  input.addEventListener('change', onChoose);
  const text = element('span', {}, INPUTS[example]!.join(' '));
  return { input, text, label: element('label', {}, input, text) };
}

function phaseButton(phase: Phase, onChoose: () => void): HTMLButtonElement {
  const made = button('', onChoose, 'phase');
  const formula = element('span', { class: 'formula' });
  formula.innerHTML = FORMULAS[phase];
  made.append(element('span', { class: 'phase-name' }, NAMES[phase]), formula);
  made.ariaLabel = NAMES[phase];
  return made;
}
