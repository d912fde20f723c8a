// @ts-check
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const ON_PATH = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser'];

/** Chrome where its own installer puts it. @type {Partial<Record<NodeJS.Platform, string[]>>} */
const INSTALLED = {
  linux: ['/opt/google/chrome/chrome'],
  darwin: ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
  win32: [process.env['PROGRAMFILES'], process.env['PROGRAMFILES(X86)'], process.env['LOCALAPPDATA']]
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe')),
};

/**
 * The Chromium to test in: CHROME_PATH, then Playwright's own, then an installed Chrome, then one on PATH.
 *
 * @returns {Promise<string | null>} path of the executable, or null when there is none
 */
export async function findBrowser() {
  const named = process.env['CHROME_PATH'];
  if (named) return named;
  const { chromium } = await import('playwright');
  const folders = process.env['PATH']?.split(delimiter).filter((folder) => folder !== '') ?? [];
  const candidates = [
    chromium.executablePath(),
    ...(INSTALLED[process.platform] ?? []),
    ...ON_PATH.flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  return candidates.find((path) => existsSync(path)) ?? null;
}

/**
 * What `launch` of Playwright needs: the browser found, and WebGPU on its software adapter, the only one that a machine
 * without a GPU has and the same on every machine.
 */
export async function launchOptions() {
  const executablePath = await findBrowser();
  return { ...(executablePath === null ? {} : { executablePath }), args: launchArgs() };
}

export function launchArgs() {
  return [
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    // Chromium's sandbox refuses to start as root
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
}
