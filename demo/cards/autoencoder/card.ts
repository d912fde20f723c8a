import { defineCard, tex } from '../../contract.ts';
import { button, element } from '../../dom.ts';
import { DigitButtons } from '../../kit/digit-buttons.ts';
import { digitImage } from '../../kit/digit-image.ts';
import { PIXELS, type Pixels } from '../../kit/digits.ts';
import { DrawingPad } from '../../kit/drawing-pad.ts';
import { paint } from '../../kit/paint.ts';
import { CodeBars } from './code-bars.ts';
import { CodePlane } from './code-plane.ts';
import { SAMPLES } from './extent.ts';
import type { Inputs, Passage, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Encoder f and decoder g',
      formula: tex`f(\mathbf x) = \mathbf W_2 \max(0,\; \mathbf W_1 \mathbf x + \mathbf b_1) + \mathbf b_2`,
      code: 'new nn.Sequential(new nn.Linear(from',
    },
    {
      name: 'Noise, if any',
      formula: tex`\tilde{\mathbf x} = \mathbf x + s\,\boldsymbol\varepsilon,\qquad \boldsymbol\varepsilon \sim N(\mathbf 0, \mathbf I)`,
      code: 'const noisy =',
    },
    {
      name: 'Code',
      formula: tex`\mathbf z = f(\tilde{\mathbf x})`,
      code: 'const z = model.f.forward(noisy)',
    },
    {
      name: 'What comes back',
      formula: tex`\hat{\mathbf x} = \sigma\big(g(\mathbf z)\big)`,
      code: 'return sigmoid(',
    },
    {
      name: 'Squared error per pixel',
      formula: tex`L = \frac1{784\,B} \sum_{i=1}^{B} \lVert \hat{\mathbf x}_i - \mathbf x_i \rVert^2`,
      code: 'const loss =',
    },
  ],
  charts: [
    {
      title: 'Loss',
      logarithmic: true,
      series: { loss: { label: 'squared error per pixel', colour: '--accent', smooth: true } },
    },
    {
      title: 'Held-out error',
      logarithmic: true,
      series: {
        error: { label: 'autoencoder', colour: '--good' },
        pca: { label: 'PCA, as many numbers', colour: '--warm' },
      },
    },
  ],

  mount(panel, { send }) {
    let samples: Pixels = new Float32Array(SAMPLES * PIXELS);
    let drawing = 0;

    const clear = button('Clear', () => choose(0), 'small');
    const canvas = element('canvas', {
      id: 'pad',
      role: 'img',
      'aria-label':
        'Drawing area: draw a digit with mouse, finger or pen. By keyboard, choose a held-out digit.',
    });
    const hint = element('p', { class: 'hint', 'aria-hidden': 'true' }, 'Draw a digit here');
    const given = element('canvas', { class: 'ink', width: '28', height: '28', 'aria-hidden': 'true' });
    const back = element('canvas', {
      class: 'ink imagined',
      id: 'back',
      role: 'img',
      'aria-label': 'What comes back of the digit',
    });
    const bars = new CodeBars();
    const kept = element('p', { class: 'quiet', id: 'kept' });
    const plane = new CodePlane();
    const planeSection = element(
      'section',
      { class: 'card', 'aria-labelledby': 'codes-title', hidden: true },
      element(
        'header',
        { class: 'line' },
        element('h2', { id: 'codes-title' }, 'Where the encoder puts held-out digits'),
      ),
      plane.element,
    );
    const pairs = new DigitButtons({
      id: 'pairs',
      count: SAMPLES,
      images: 3,
      name: (i) => `See held-out digit ${i + 1} large`,
      onChoose: choose,
    });

    panel.append(
      element(
        'section',
        { class: 'card draw', 'aria-labelledby': 'draw-title' },
        element('header', { class: 'line' }, element('h2', { id: 'draw-title' }, 'Draw a digit'), clear),
        element('div', { class: 'pad' }, canvas, hint),
        element('div', { class: 'frame' }, back),
        element(
          'div',
          { class: 'seen' },
          element('div', {}, given),
          element('p', { class: 'quiet' }, 'as the network sees it'),
        ),
        element('div', { class: 'kept' }, bars.element, kept),
      ),
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'pairs-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'pairs-title' }, 'Held-out digits, and what comes back'),
        ),
        pairs.element,
      ),
      planeSection,
    );

    const pad = new DrawingPad(canvas, (strokes) => {
      hint.hidden = true;
      clear.disabled = false;
      pairs.press(null);
      cancelAnimationFrame(drawing);
      drawing = requestAnimationFrame(() => send('watched', digitImage(strokes, 1)));
    });

    /** Watch a held-out digit instead of a drawn one. */
    function choose(i: number): void {
      cancelAnimationFrame(drawing);
      pad.clear();
      hint.hidden = false;
      pairs.press(i);
      clear.disabled = true;
      send('watched', samples.slice(i * PIXELS, (i + 1) * PIXELS));
    }
    function showPassage(passage: Passage): void {
      paint(given, passage.given);
      paint(back, passage.back);
      bars.show(passage.code);
      kept.textContent = `its code of ${passage.code.length} numbers; squared error ${passage.error.toFixed(3)} per pixel`;
      if (passage.code.length === 2) plane.watch(passage.code);
    }
    clear.disabled = true;
    pairs.press(0);

    return {
      show(view) {
        if (view.samples) {
          samples = view.samples;
          pairs.show(samples, view.noisy!, view.reconstructions!);
        }
        if (view.watched) showPassage(view.watched);
        if (view.codes !== undefined) {
          planeSection.hidden = view.codes === null;
          if (view.codes) plane.show(view.codes, view.labels!);
        }
      },
      close() {
        cancelAnimationFrame(drawing);
        pad.close();
        bars.close();
        plane.close();
      },
    };
  },
});
