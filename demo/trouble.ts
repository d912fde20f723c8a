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
  data: 'The digits did not arrive',
  other: 'Something went wrong',
};

const TEXTS: Readonly<Record<FailureReason, string>> = {
  'no-webgpu': 'WebGPU lets a page compute on your graphics chip. This is how to get it:',
  'no-adapter':
    'WebGPU is there, but no graphics adapter answered. The driver may be too old, or graphics acceleration may be off.',
  lost: 'The driver was restarted, or the system needed its memory. Reload the page to start again.',
  data: 'The MNIST files could not be loaded. Check the connection and reload the page.',
  other: 'Reload the page to start again. If it happens again, please report the message below.',
};

/** Put a message with next steps in place of the page. */
export function showTrouble(reason: FailureReason, detail: string): void {
  const element = (id: string) => document.getElementById(id)!;
  const aboutWebGpu = reason === 'no-webgpu' || reason === 'no-adapter';
  element('app').hidden = true;
  element('trouble').hidden = false;
  element('trouble-title').textContent = TITLES[reason];
  element('trouble-text').textContent = TEXTS[reason];
  element('trouble-detail').textContent = detail && `Details: ${detail}`;
  element('trouble-steps').replaceChildren(...(aboutWebGpu ? adviceItems() : []));
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
  const li = document.createElement('li');
  const strong = document.createElement('strong');
  strong.textContent = title;
  if (yours) {
    const badge = document.createElement('span');
    badge.className = 'badge';
    badge.textContent = 'this browser';
    strong.append(badge);
  }
  li.append(strong, text);
  li.classList.toggle('yours', yours);
  return li;
}
