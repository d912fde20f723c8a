import { defineConfig } from '@playwright/test';
import { launchOptions } from './scripts/find-browser.mjs';

const URL = 'http://127.0.0.1:41730';
const AT = '--config vite.demo.config.ts --strictPort --host 127.0.0.1';

/** What `npm run demo` serves. */
const demoServer = {
  command: `npx vite demo ${AT} --port 41730`,
  url: URL,
  reuseExistingServer: false,
};

/** What `npm run build:demo` makes, in a folder of a static host. */
const FOLDER = '/some/folder/';
const builtDemoServer = {
  command: `npm run build:demo && npx vite preview demo ${AT} --port 41731 --base ${FOLDER}`,
  url: `http://127.0.0.1:41731${FOLDER}`,
  reuseExistingServer: false,
};

/** What `npm run examples` serves. */
const examplesServer = {
  command: 'npx vite --strictPort --host 127.0.0.1 --port 41732',
  url: 'http://127.0.0.1:41732/examples/',
  reuseExistingServer: false,
};

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/playwright',
  // the software GPU takes every core, but not while a page is drawn or shaders are compiled
  workers: 2,
  forbidOnly: Boolean(process.env['CI']),
  timeout: 120_000,
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
  // a service worker would keep requests from the tests that answer them; one test lets it
  use: {
    baseURL: URL,
    serviceWorkers: 'block',
    browserName: 'chromium',
    launchOptions: await launchOptions(),
  },
  webServer: [demoServer, builtDemoServer, examplesServer],
});
