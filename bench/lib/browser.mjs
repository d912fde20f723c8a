// @ts-check
import { chromium } from 'playwright';
import { launchOptions } from '../../scripts/find-browser.mjs';

const CALL_TIMEOUT_MS = 300_000;

// several pages take turns: none may be slowed down for being in the background
const PATIENCE = [
  // a step of seconds on a software adapter is slow, not hung
  '--disable-gpu-watchdog',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

/** One headless Chromium with WebGPU for the whole run. */
export async function launchBrowser() {
  const options = await launchOptions();
  const server = await chromium.launchServer({ ...options, args: [...options.args, ...PATIENCE] });
  const browser = await chromium.connect(server.wsEndpoint());
  return {
    version: browser.version(),
    pid: /** @type {number} */ (server.process().pid),
    /** @type {(library: string, url: string) => Promise<LibraryPage>} */
    async open(library, url) {
      return LibraryPage.open(library, await browser.newPage(), url);
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** The page of one library, and its `window.lab`. */
export class LibraryPage {
  /**
   * @param {string} library
   * @param {import('playwright').Page} page
   */
  constructor(library, page) {
    this.library = library;
    this.page = page;
    /** Errors and warnings of the console. @type {string[]} */
    this.log = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.log.push(message.text().slice(0, 300));
    });
    page.on('pageerror', (error) => this.log.push(`uncaught: ${String(error).slice(0, 300)}`));
  }

  /** @type {(library: string, page: import('playwright').Page, url: string) => Promise<LibraryPage>} */
  static async open(library, page, url) {
    const opened = new LibraryPage(library, page);
    await page.goto(url);
    await opened.#ready();
    return opened;
  }

  /** Load the page again: a fresh device, empty pools. */
  async reload() {
    await this.page.reload();
    await this.#ready();
  }

  /**
   * Call a method of `window.lab`.
   *
   * @param {string} method
   * @param {...unknown} args
   * @returns {Promise<any>}
   */
  async call(method, ...args) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${method}: no answer in ${CALL_TIMEOUT_MS / 1000} s`)),
        CALL_TIMEOUT_MS,
      );
    });
    const answer = this.page.evaluate(
      ([name, list]) => /** @type {any} */ (window)['lab'][name](...list),
      /** @type {[string, unknown[]]} */ ([method, args]),
    );
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  close() {
    return this.page.close();
  }

  async #ready() {
    try {
      await this.page.waitForFunction(() => 'lab' in window, null, { timeout: 60_000 });
    } catch (error) {
      throw new Error(this.log.at(-1) ?? String(error));
    }
  }
}
