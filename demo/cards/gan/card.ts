import { defineCard, tex } from '../../contract.ts';
import { element } from '../../dom.ts';
import { DigitButtons } from '../../kit/digit-buttons.ts';
import { PIXELS, type Pixels } from '../../kit/digits.ts';
import { paint } from '../../kit/paint.ts';
import { SAMPLES } from './extent.ts';
import { SnapshotList } from './snapshot-list.ts';
import type { Inputs, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Forgeries',
      formula: tex`\hat{\mathbf x} = G(\mathbf z),\qquad \mathbf z \sim N(\mathbf 0, \mathbf I)`,
      code: 'const fake =',
    },
    {
      name: 'Loss of the discriminator',
      formula: tex`L_D = -\operatorname{E} \log D(\mathbf x) - \operatorname{E} \log\big(1 - D(\hat{\mathbf x})\big)`,
      code: 'const lossD =',
    },
    {
      name: 'Its update, for SGD',
      formula: tex`\theta_D \leftarrow \theta_D - \eta\, \nabla L_D`,
      code: 'const newD =',
    },
    {
      name: 'Loss of the generator',
      formula: tex`L_G = -\operatorname{E} \log D(\hat{\mathbf x})`,
      code: 'const usual =',
    },
    {
      name: 'or the one that saturates',
      formula: tex`L_G = \operatorname{E} \log\big(1 - D(\hat{\mathbf x})\big)`,
      code: 'const saturating =',
    },
  ],
  charts: [
    {
      title: 'Losses',
      series: {
        lossD: { label: 'discriminator', colour: '--accent', smooth: true },
        lossG: { label: 'generator', colour: '--warm', smooth: true },
      },
    },
    {
      title: 'What the discriminator says',
      share: true,
      series: {
        real: { label: 'D(x) of digits', colour: '--good', smooth: true },
        forged: { label: 'D(x̂) of forgeries', colour: '--bad', smooth: true },
      },
    },
    {
      title: 'What a judge says',
      logarithmic: true,
      series: {
        fid: { label: 'Fréchet distance', colour: '--accent' },
        inceptionScore: { label: 'Inception score', colour: '--warm' },
      },
    },
  ],

  mount(panel, { send }) {
    let moving = 0;
    let samples: Pixels = new Float32Array(SAMPLES * PIXELS);
    let [from, to] = [0, 0];

    const large = element('canvas', {
      class: 'ink imagined',
      id: 'large',
      role: 'img',
      'aria-label': 'The chosen sample, or what is between two',
    });
    const ends = [0, 1].map(() => element('canvas', { class: 'ink', 'aria-hidden': 'true' }));
    const slider = element('input', {
      type: 'range',
      id: 'between',
      min: '0',
      max: '1',
      step: '0.02',
      value: '1',
      'aria-label': 'Way from the sample chosen before to this one',
    });
    const snapshots = new SnapshotList();
    const buttons = new DigitButtons({
      id: 'samples',
      count: SAMPLES,
      name: (i) => `See sample ${i + 1} large`,
      onChoose(i) {
        if (i !== to) [from, to] = [to, i];
        slider.value = '1';
        move();
      },
    });
    slider.addEventListener('input', move);

    panel.append(
      element(
        'section',
        { class: 'card latent', 'aria-labelledby': 'samples-title' },
        element('header', { class: 'line' }, element('h2', { id: 'samples-title' }, 'Forged digits')),
        buttons.element,
        element(
          'div',
          { class: 'beside' },
          element('div', { class: 'frame' }, large),
          element('div', { class: 'way' }, ends[0]!, element('div', { class: 'slider' }, slider), ends[1]!),
          element(
            'p',
            { class: 'quiet' },
            'Each is made of the same noise all the time. Choose one to see it large, then another: the slider leads from one noise to the other.',
          ),
        ),
      ),
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'snapshots-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'snapshots-title' }, 'The same noise at earlier steps'),
        ),
        snapshots.element,
      ),
    );

    function move(): void {
      slider.style.setProperty('--filled', `${100 * Number(slider.value)}%`);
      buttons.press(to);
      showEnds();
      cancelAnimationFrame(moving);
      moving = requestAnimationFrame(() => send('between', { from, to, share: Number(slider.value) }));
    }
    function showEnds(): void {
      for (const [i, sample] of [from, to].entries())
        paint(ends[i]!, samples.subarray(sample * PIXELS, (sample + 1) * PIXELS));
    }
    move();

    return {
      show(view) {
        if (view.samples) {
          samples = view.samples;
          buttons.show(samples);
          showEnds();
        }
        if (view.snapshots) snapshots.show(view.snapshots);
        if (view.between) paint(large, view.between);
      },
      close() {
        cancelAnimationFrame(moving);
      },
    };
  },
});
