import { button, element } from './dom.ts';
import type { FailureReason } from './protocol.ts';

interface Advice {
  readonly browser: string;
  readonly steps: string;
  /** Recognises this browser by its user agent. */
  readonly is: RegExp;
}

/** Where WebGPU works, by browser; the first that matches is the reader's own. */
const ADVICE: readonly Advice[] = [
  {
    browser: 'Firefox',
    steps:
      'Update to Firefox 141 or later on Windows, 145 or later on a Mac with Apple silicon. Elsewhere, try Firefox Nightly, or set dom.webgpu.enabled to true in about:config.',
    is: /Firefox|FxiOS/,
  },
  {
    browser: 'Chrome and Edge',
    steps:
      'Update to version 113 or later (121 on Android). In the settings under System, turn on “Use graphics acceleration when available” and restart; chrome://gpu shows what is missing. On Linux, turn on chrome://flags/#enable-unsafe-webgpu and #enable-vulkan.',
    is: /Chrome|Chromium|CriOS|Edg/,
  },
  {
    browser: 'Safari',
    steps:
      'Update to Safari 26: it comes with macOS Tahoe 26, iOS 26 and iPadOS 26. On older systems, use Chrome on a Mac.',
    is: /Safari/,
  },
];

const TITLES: Readonly<Record<FailureReason, string>> = {
  'no-webgpu': 'This page needs WebGPU, and this browser does not offer it',
  'no-adapter': 'This page needs a GPU, and the browser found none it can use',
  lost: 'The GPU went away',
  data: 'The data did not arrive',
  other: 'Something went wrong',
};

const TEXTS: Readonly<Record<FailureReason, string>> = {
  'no-webgpu': 'WebGPU lets a page compute on your graphics chip. This is how to get it:',
  'no-adapter':
    'WebGPU is there, but no graphics adapter answered. The driver may be too old, or graphics acceleration may be off.',
  lost: 'It was lost several times and did not come back. Reload the page to start again.',
  data: 'The files to learn from could not be loaded. Check the connection and reload the page.',
  other: 'Reload the page to start again. If it happens again, please report the message below.',
};

/**
 * A message with next steps in place of a card.
 *
 * @param onCpu offered where there is no GPU: go on without one
 */
export function trouble(reason: FailureReason, detail: string, onCpu: (() => void) | null): HTMLElement {
  const aboutWebGpu = reason === 'no-webgpu' || reason === 'no-adapter';
  return element(
    'section',
    { class: 'card trouble', 'aria-labelledby': 'trouble-title' },
    element('h2', { id: 'trouble-title', tabindex: '-1' }, TITLES[reason]),
    element('p', {}, TEXTS[reason]),
    aboutWebGpu ? element('ul', { class: 'steps' }, ...adviceItems()) : null,
    element(
      'p',
      { class: 'buttons' },
      aboutWebGpu && onCpu
        ? button('Train on the CPU instead', onCpu, 'primary')
        : button('Reload the page', () => location.reload(), 'primary'),
    ),
    detail ? element('p', { class: 'quiet detail' }, `Details: ${detail}`) : null,
  );
}

function adviceItems(): HTMLElement[] {
  const own = ADVICE.find(({ is }) => is.test(navigator.userAgent));
  const ordered = own ? [own, ...ADVICE.filter((advice) => advice !== own)] : ADVICE;
  const items = ordered.map((advice) => item(advice.browser, advice.steps, advice === own));
  // Browsers offer WebGPU on https and on this machine only.
  if (!isSecureContext) {
    items.unshift(
      item(
        'First: a secure address',
        'Open this page by https, or as http://localhost. Over plain http browsers hide WebGPU.',
        false,
      ),
    );
  }
  return items;
}

function item(title: string, text: string, yours: boolean): HTMLElement {
  const badge = yours ? element('span', { class: 'badge' }, 'this browser') : null;
  return element('li', { class: yours ? 'yours' : '' }, element('strong', {}, title, badge), text);
}
