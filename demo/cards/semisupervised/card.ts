import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { DigitButtons } from '../../kit/digit-buttons.ts';
import { digitImage } from '../../kit/digit-image.ts';
import { PIXELS, type Pixels } from '../../kit/digits.ts';
import { DrawingPad } from '../../kit/drawing-pad.ts';
import { AccuracyChart } from './accuracy-chart.ts';
import { BothTable } from './both-table.ts';
import { SAMPLES } from './extent.ts';
import type { Inputs, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Shift, turn and scale',
      formula: tex`\tilde{\mathbf x} = T\,\mathbf x,\qquad T \text{ at random}`,
      code: 'const disturbed =',
    },
    {
      name: 'Autoencoder',
      formula: tex`\hat{\mathbf x} = \sigma\Big(g\big(f(\tilde{\mathbf x})\big)\Big)`,
      code: 'const logits =',
    },
    {
      name: 'Its loss, without labels',
      formula: tex`L = -\operatorname{E}\big[\mathbf x \log \hat{\mathbf x} + (1 - \mathbf x) \log(1 - \hat{\mathbf x})\big]`,
      code: 'const reconstruction =',
    },
    {
      name: 'Code, from now on fixed',
      formula: tex`\mathbf z = f(\mathbf x)`,
      code: 'const z = f.eval()',
    },
    {
      name: 'Classifier of pixels',
      formula: tex`p(y \mid \mathbf x) = \operatorname{softmax}\big(h(\mathbf x)\big)_y`,
      code: 'const pixelLosses =',
    },
    {
      name: 'Classifier of codes',
      formula: tex`p(y \mid \mathbf x) = \operatorname{softmax}\big(h'(\mathbf z)\big)_y`,
      code: 'const codeLosses =',
    },
  ],
  charts: [
    {
      title: 'Autoencoder',
      series: {
        reconstruction: { label: 'cross-entropy per pixel', colour: '--good', smooth: true },
      },
    },
    {
      title: 'Cross-entropy of classifiers',
      logarithmic: true,
      series: {
        pixelLoss: { label: 'from pixels', colour: '--warm', smooth: true },
        codeLoss: { label: 'from the code', colour: '--accent', smooth: true },
      },
    },
    {
      title: 'Accuracy with 100 labels',
      share: true,
      series: {
        pixels100: { label: 'from pixels', colour: '--warm' },
        code100: { label: 'from the code', colour: '--accent' },
      },
    },
  ],

  mount(panel, { send }) {
    let samples: Pixels = new Float32Array(SAMPLES * PIXELS);
    let drawing = 0;

    const first = element('p', { class: 'quiet', id: 'autoencoder-steps' });
    const second = element('p', { class: 'quiet', id: 'classifier-steps' });
    const pairs = new DigitButtons({
      id: 'pairs',
      count: SAMPLES,
      images: 2,
      name: (i) => `Let the classifiers read held-out digit ${i + 1}`,
      onChoose: choose,
    });
    const chart = new AccuracyChart();
    const accuracies = new BothTable(
      'accuracies',
      'Accuracy on 1,000 held-out digits',
      (share) => `${(100 * share).toFixed(1)} %`,
    );
    const clear = button('Clear', clearPad, 'small');
    const canvas = element('canvas', {
      id: 'pad',
      role: 'img',
      'aria-label':
        'Drawing area: draw a digit with mouse, finger or pen. By keyboard, choose a held-out digit.',
    });
    const hint = element('p', { class: 'hint', 'aria-hidden': 'true' }, 'Draw a digit here');
    const readings = new BothTable('readings', 'What each classifier reads', String);

    panel.append(
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'pairs-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'pairs-title' }, 'First: straighten digits'),
          first,
        ),
        pairs.element,
      ),
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'accuracies-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'accuracies-title' }, 'Then: classify, with few labels'),
          second,
        ),
        chart.element,
        accuracies.element,
      ),
      element(
        'section',
        { class: 'card draw', 'aria-labelledby': 'draw-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'draw-title' }, 'What they read your digit as'),
          clear,
        ),
        element('div', { class: 'pad' }, canvas, hint),
        element(
          'div',
          { class: 'read' },
          readings.element,
          element(
            'p',
            { class: 'quiet' },
            'Eight classifiers learn at the same time: one of pixels and one of codes for each number of labels. Draw, or choose a held-out digit.',
          ),
        ),
      ),
    );

    const pad = new DrawingPad(canvas, (strokes) => {
      hint.hidden = true;
      clear.disabled = false;
      pairs.press(null);
      cancelAnimationFrame(drawing);
      drawing = requestAnimationFrame(() => send('watched', digitImage(strokes, 1)));
    });
    function clearPad(): void {
      cancelAnimationFrame(drawing);
      pad.clear();
      hint.hidden = false;
      clear.disabled = true;
      pairs.press(null);
      send('watched', null);
    }
    function choose(i: number): void {
      clearPad();
      pairs.press(i);
      send('watched', samples.slice(i * PIXELS, (i + 1) * PIXELS));
    }
    clear.disabled = true;

    return {
      show(view) {
        if (view.samples) {
          samples = view.samples;
          pairs.show(view.disturbed!, view.back!);
        }
        if (view.done) {
          const { autoencoder, classifiers } = view.done;
          const isPretraining = autoencoder < view.pretraining!;
          first.textContent = `step ${autoencoder} of ${view.pretraining!}`;
          second.textContent = isPretraining ? 'waits for the code' : `step ${classifiers}`;
        }
        if (view.accuracies !== undefined) {
          chart.show(view.accuracies);
          accuracies.show(view.accuracies);
        }
        if (view.readings !== undefined) readings.show(view.readings);
      },
      close() {
        cancelAnimationFrame(drawing);
        pad.close();
        chart.close();
      },
    };
  },
});
