import { defineCard, tex } from '../../contract.ts';
import { element } from '../../dom.ts';
import { DigitButtons } from '../../kit/digit-buttons.ts';
import { paint } from '../../kit/paint.ts';
import { signed } from '../../kit/signed.ts';
import { SAMPLES } from './extent.ts';
import { LatentPlane, type Position } from './latent-plane.ts';
import type { Inputs, Layer, View } from './trainer.ts';

export default defineCard<View, Inputs>({
  equations: [
    {
      name: 'Encoder',
      formula: tex`q(\mathbf z \mid \mathbf x) = N\big(\boldsymbol\mu(\mathbf x),\; \operatorname{diag} \boldsymbol\sigma^2(\mathbf x)\big)`,
      code: 'const { mu, logVar } = model.encode(x)',
    },
    {
      name: 'Reparametrisation',
      formula: tex`\mathbf z = \boldsymbol\mu + \boldsymbol\sigma \odot \boldsymbol\varepsilon,\qquad \boldsymbol\varepsilon \sim N(\mathbf 0, \mathbf I)`,
      code: 'const z = add(mu',
    },
    {
      name: 'Decoder',
      formula: tex`p(\mathbf x \mid \mathbf z) = \prod_i p_i^{x_i} (1 - p_i)^{1 - x_i}`,
      code: 'const p = new distributions.Bernoulli',
    },
    {
      name: 'KL from the prior N(0, I)',
      formula: tex`\tfrac12 \sum_k \big(\mu_k^2 + \sigma_k^2 - \log \sigma_k^2 - 1\big)`,
      code: 'const kl =',
    },
    {
      name: 'ELBO, to be maximised',
      formula: tex`L = \operatorname{E}_q \log p(\mathbf x \mid \mathbf z) - \beta\, \mathrm{KL}(q \,\|\, p)`,
      code: 'const elbo =',
    },
  ],
  charts: [
    {
      title: 'Evidence lower bound',
      series: {
        reconstruction: { label: 'log p(x | z), nats', colour: '--warm', smooth: true },
        elbo: { label: 'less β KL', colour: '--accent', smooth: true },
      },
    },
    {
      title: 'KL divergence',
      series: { kl: { label: 'nats of z about x', colour: '--good', smooth: true } },
    },
  ],

  mount(panel, { send }) {
    let moving = 0;
    let sampleCodes: Float32Array = new Float32Array(2 * SAMPLES);
    let [tiles, codes]: [View['tiles'], View['codes']] = [null, null];

    const large = element('canvas', { class: 'ink imagined', id: 'imagined', role: 'img' });
    const place = element('output', { id: 'place', for: 'latent' });
    const showPlace = ([z1, z2]: Position) => {
      const text = `z = (${signed(z1)}, ${signed(z2)})`;
      place.textContent = text;
      large.ariaLabel = `Digit decoded from ${text}`;
    };
    const plane = new LatentPlane((position) => {
      showPlace(position);
      cancelAnimationFrame(moving);
      moving = requestAnimationFrame(() => send('z', Float32Array.from(position)));
    });
    const layers = (
      [
        ['decoded', 'Decoded'],
        ['encoded', 'Encoded'],
      ] as const
    ).map(([layer, name]) => layerOption(layer, name, () => send('layer', layer)));
    const pairs = new DigitButtons({
      id: 'pairs',
      count: SAMPLES,
      images: 2,
      name: (i) => `Find held-out digit ${i + 1} on the plane`,
      onChoose: (i) => plane.move([sampleCodes[2 * i]!, sampleCodes[2 * i + 1]!]),
    });
    showPlace([0, 0]);
    paint(large, null);

    panel.append(
      element(
        'section',
        { class: 'card latent', 'aria-labelledby': 'latent-title' },
        element(
          'header',
          { class: 'line' },
          element('h2', { id: 'latent-title' }, 'The plane of its latents'),
        ),
        plane.element,
        element(
          'div',
          { class: 'beside' },
          element('div', { class: 'frame' }, large),
          element('p', { class: 'place' }, place),
          element(
            'fieldset',
            { class: 'inline' },
            element('legend', {}, 'The plane shows digits that are'),
            element('div', { class: 'segments' }, ...layers),
          ),
          element(
            'p',
            { class: 'quiet' },
            'Drag over the plane. By keyboard: arrow keys move, with Shift further. Encoded are held-out digits: each stands, as a numeral, where the network puts it.',
          ),
        ),
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
    );

    return {
      show(view) {
        if (view.decoded) paint(large, view.decoded);
        if (view.tiles !== undefined) tiles = view.tiles;
        if (view.codes !== undefined) codes = view.codes;
        if (view.labels) plane.show(tiles, codes, view.labels);
        if (view.sampleCodes) sampleCodes = view.sampleCodes;
        if (view.samples) pairs.show(view.samples, view.reconstructions!);
      },
      close() {
        cancelAnimationFrame(moving);
        plane.close();
      },
    };
  },
});

function layerOption(layer: Layer, name: string, onChoose: () => void): HTMLElement {
  const input = element('input', {
    type: 'radio',
    name: 'layer',
    value: layer,
    checked: layer === 'decoded',
  });
  input.addEventListener('change', onChoose);
  return element('label', {}, input, element('span', {}, name));
}
