import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { digitImage } from '../../kit/digit-image.ts';
import type { Pixels } from '../../kit/digits.ts';
import { DrawingPad } from '../../kit/drawing-pad.ts';
import { paint } from '../../kit/paint.ts';
import { best, percent, ProbabilityBars, SampleGrid } from './digits-view.ts';
import { FeatureMaps } from './feature-maps.ts';
import type { Inputs, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Convolution, ReLU',
      formula: tex`\mathbf h_c = \max(0,\; \mathbf w_c \star \mathbf x + b_c)`,
      code: 'return relu(this.conv1.forward',
    },
    {
      name: 'Max pooling',
      formula: tex`h'_{c,i,j} = \max_{0 \le u,v < 2} h_{c,\,2i+u,\,2j+v}`,
      code: 'const h1 =',
    },
    {
      name: 'Logits',
      formula: tex`\mathbf z = \mathbf W\,\mathbf h_3 + \mathbf b`,
      code: 'return this.logits',
    },
    {
      name: 'Hidden layer of the MLP',
      formula: tex`\mathbf h = \max(0,\; \mathbf W\,\mathbf x + \mathbf b)`,
      code: 'const h = relu',
    },
    {
      name: 'Cross-entropy',
      formula: tex`L = -\frac1B \sum_{i=1}^{B} \log \operatorname{softmax}(\mathbf z_i)_{y_i}`,
      code: 'const loss =',
    },
    {
      name: 'Class probabilities',
      formula: tex`p(y \mid \mathbf x) = \operatorname{softmax}(\mathbf z)_y`,
      code: 'outputs: { p: softmax',
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
      series: { accuracy: { label: 'on 1,000 held-out digits', colour: '--good' } },
    },
  ],

  mount(panel, { send }) {
    let watched: Pixels | null = null;
    let drawing = 0;
    let tests = 0;

    const clear = button('Clear', () => clearAll(), 'small');
    const canvas = element('canvas', {
      id: 'pad',
      role: 'img',
      'aria-label':
        'Drawing area: draw a digit with mouse, finger or pen. By keyboard, choose a held-out digit.',
    });
    const hint = element('p', { class: 'hint', 'aria-hidden': 'true' }, 'Draw a digit here');
    const seen = element('canvas', { class: 'ink', width: '28', height: '28', 'aria-hidden': 'true' });
    const digit = element('strong', { id: 'digit' }, '–');
    const confidence = element('span', { id: 'confidence' });
    const barList = element('ol', { class: 'bars', 'aria-label': 'Probability of each digit' });
    const grid = element('div', { class: 'samples', id: 'samples' });
    const score = element('p', { class: 'quiet' });
    const testAll = button(
      'Test all 10,000',
      () => {
        testAll.disabled = true;
        send('tests', ++tests);
      },
      'small',
    );
    const testScore = element('p', { class: 'quiet', id: 'test', role: 'status' });
    const maps = new FeatureMaps();

    panel.append(
      element(
        'section',
        { class: 'card draw', 'aria-labelledby': 'draw-title' },
        element('header', { class: 'line' }, element('h2', { id: 'draw-title' }, 'Draw a digit'), clear),
        element('div', { class: 'pad' }, canvas, hint),
        element(
          'div',
          { class: 'reading' },
          element(
            'div',
            { class: 'answer' },
            element(
              'div',
              { class: 'seen' },
              element('div', {}, seen),
              element('p', { class: 'quiet' }, 'as the network sees it'),
            ),
            element(
              'p',
              { class: 'verdict' },
              element('span', { class: 'hidden' }, 'Reads as '),
              digit,
              ' ',
              confidence,
            ),
          ),
          barList,
        ),
      ),
      maps.element,
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'samples-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'samples-title' }, 'Held-out digits'),
          score,
        ),
        grid,
        element('div', { class: 'line' }, testScore, testAll),
      ),
    );

    const bars = new ProbabilityBars(barList);
    const samples = new SampleGrid(grid, (pixels) => {
      clearPad();
      watch(pixels);
    });
    const pad = new DrawingPad(canvas, (strokes) => {
      samples.unpress();
      hint.hidden = true;
      clear.disabled = false;
      cancelAnimationFrame(drawing);
      drawing = requestAnimationFrame(() => watch(digitImage(strokes, 1)));
    });

    function clearPad(): void {
      cancelAnimationFrame(drawing);
      pad.clear();
      hint.hidden = false;
    }
    function clearAll(): void {
      clearPad();
      samples.unpress();
      watch(null);
    }
    function watch(pixels: Pixels | null): void {
      watched = pixels;
      clear.disabled = pixels === null;
      paint(seen, pixels);
      send('watched', pixels);
      if (!pixels) showProbabilities(null);
    }
    function showProbabilities(probabilities: Float32Array | null): void {
      bars.show(probabilities);
      const winner = probabilities && best(probabilities);
      digit.textContent = winner ? String(winner.digit) : '–';
      confidence.textContent = winner ? percent(winner.probability) : '';
    }
    function showTest(test: View['test']): void {
      testAll.disabled = false;
      testScore.textContent = test
        ? `${(100 * test.accuracy).toFixed(2)} % of all right after ${test.step.toLocaleString('en')} steps`
        : '';
    }
    clear.disabled = true;
    showProbabilities(null);

    return {
      show(view) {
        if (view.samples && !samples.filled) samples.show(view.samples);
        if (view.predictions) {
          const right = samples.read(view.predictions);
          score.textContent = `${right} of ${view.predictions.length / 10} right`;
        }
        if (watched && view.watched) showProbabilities(view.watched);
        if (view.maps !== undefined) maps.show(view.maps);
        if (view.test !== undefined) showTest(view.test);
      },
      close() {
        cancelAnimationFrame(drawing);
        pad.close();
      },
    };
  },
});
