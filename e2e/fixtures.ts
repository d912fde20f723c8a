import { test as base, expect, type Page } from '@playwright/test';

/**
 * Makes uncaptured WebGPU errors console errors. In a page Chromium warns of them by itself, but what it logs for a worker
 * does not reach Playwright.
 */
const REPORT_GPU_ERRORS = `{
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    device.addEventListener('uncapturederror', ({ error }) => console.error('uncaptured WebGPU error: ' + error.message));
    return device;
  };
}
`;

/** Puts a mark into the URLs of workers: init scripts do not run in them, so their own script has to change. */
function markWorkers(): void {
  window.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      const marked = new URL(url, document.baseURI);
      marked.searchParams.set('tested', '');
      super(marked, options);
    }
  };
}

/**
 * Collects what must not happen in a page or its workers: console errors and warnings, uncaptured WebGPU errors,
 * exceptions, failed requests and crashes.
 */
export async function collectProblems(page: Page): Promise<string[]> {
  const problems: string[] = [];
  // A script that Playwright hands over counts as one from elsewhere, and may not connect to this machine by itself.
  await page.context().grantPermissions(['local-network-access']);
  await page.addInitScript(markWorkers);
  await page.route(/[?&]tested=/, async (route) => {
    const url = new URL(route.request().url());
    url.searchParams.delete('tested');
    const response = await route.fetch({ url: url.href });
    await route.fulfill({ response, body: REPORT_GPU_ERRORS + (await response.text()) });
  });
  page.on('console', (message) => {
    if (message.text() === 'Service Worker registration blocked by Playwright') return;
    if (message.type() === 'error' || message.type() === 'warning') {
      problems.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`));
  page.on('requestfailed', (request) =>
    problems.push(`request failed: ${request.url()} ${request.failure()?.errorText ?? ''}`),
  );
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`HTTP ${response.status()}: ${response.url()}`);
  });
  page.on('crash', () => problems.push('the page crashed'));
  return problems;
}

/** Playwright's `test`, but every problem in `page` fails it. A test that provokes some takes them out of `problems`. */
export const test = base.extend<{ problems: string[] }>({
  problems: [
    async ({ page }, use) => {
      const problems = await collectProblems(page);
      await use(problems);
      expect(problems, 'problems in the page or its workers').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
