import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';
import { launchOptions } from './scripts/find-browser.mjs';

const URL = 'http://127.0.0.1:4173';

const demoServer = {
  command: 'npx vite demo --config vite.demo.config.ts --port 4173 --strictPort --host 127.0.0.1',
  url: URL,
  reuseExistingServer: false,
};

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/playwright',
  workers: 1, // the software GPU takes every core already
  forbidOnly: Boolean(process.env['CI']),
  timeout: 120_000,
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
  use: { baseURL: URL, browserName: 'chromium', launchOptions: await launchOptions() },
  ...(existsSync('demo/index.html') ? { webServer: demoServer } : {}),
});
