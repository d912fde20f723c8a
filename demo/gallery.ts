import { drawing, element } from './dom.ts';
import { entries } from './registry.ts';

/** One link per card. */
export function gallery(): HTMLElement {
  const cards = entries.map(({ name, meta }) =>
    element(
      'li',
      {},
      element(
        'a',
        { class: 'card entry', href: `#/${name}` },
        drawing(`<svg class="thumbnail" viewBox="0 0 160 100" aria-hidden="true">${meta.thumbnail}</svg>`),
        element('h2', {}, meta.title),
        element('p', {}, meta.summary),
      ),
    ),
  );
  return element(
    'div',
    { class: 'gallery' },
    element(
      'header',
      { class: 'intro' },
      element('h1', { tabindex: '-1' }, 'Watch neural networks learn, on your own GPU'),
      element(
        'p',
        { class: 'lead' },
        'Open a model, press play, and change it while it trains. The code that runs stands beside it. Nothing leaves this tab.',
      ),
    ),
    element('ul', { class: 'entries' }, ...cards),
  );
}
