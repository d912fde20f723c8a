import { cardPage, type Page } from './card-page.ts';
import { element } from './dom.ts';
import { gallery } from './gallery.ts';
import { entries } from './registry.ts';

declare global {
  interface Window {
    /** For tests and the curious: a fingerprint of the network's parameters. */
    demo: { checksum(): Promise<string> };
  }
}

const TITLE = document.title;
const main = document.querySelector('main')!;
let page: Page | null = null;
let opened = 0;

/** Links look like `#/points?lr=0.01`. */
async function route(): Promise<void> {
  const [name = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const entry = entries.find((candidate) => candidate.name === name);
  const turn = ++opened;
  page?.close();
  page = null;
  document.documentElement.removeAttribute('data-phase');
  if (entry) {
    const { card, source } = await entry.load();
    if (turn !== opened) return;
    page = cardPage(main, entry, card, source, new URLSearchParams(query));
  } else {
    main.replaceChildren(gallery());
  }
  document.title = entry ? `${entry.meta.title} — Chainrule` : TITLE;
  scrollTo(0, 0);
  // a screen reader has to hear where it is now; the first page speaks for itself
  if (turn > 1) main.querySelector('h1')!.focus();
}

window.demo = { checksum: () => page!.session.checksum() };
addEventListener('hashchange', () => void route());
void route().catch((error: unknown) => {
  main.replaceChildren(element('p', { class: 'card trouble' }, String(error)));
});
// what it keeps for offline use must not delay what is shown now
if (import.meta.env.PROD && 'serviceWorker' in navigator)
  addEventListener('load', () => void navigator.serviceWorker.register('./sw.js'));
