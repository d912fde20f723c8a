// @ts-check
// Headless Chrome or Chromium for work that wants the machine's GPU if there is one; tests use `launchOptions` instead.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { findBrowser, launchArgs } from './find-browser.mjs';

/**
 * Launch a browser, after installing one where there is none.
 *
 * @returns {Promise<import('playwright').Browser>}
 * @throws {Error} when none can be installed, or it does not start
 */
export async function launchBrowser() {
  const executablePath = await browserOrInstall();
  try {
    return await chromium.launch({
      executablePath,
      args: [
        // without these the tests' software adapter, the same on every machine; here a real GPU comes first
        ...launchArgs().filter((arg) => !arg.startsWith('--use-webgpu-adapter')),
        ...(process.platform === 'linux' ? ['--enable-features=Vulkan'] : []),
      ],
      // the caller handles signals
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
  } catch (error) {
    const [reason] = String(error).replace('Error: browserType.launch: ', '').split('\n');
    throw new Error(`${executablePath} does not start: ${reason}`, { cause: error });
  }
}

/** Path of a browser; installs one when there is none. @returns {Promise<string>} */
async function browserOrInstall() {
  const found = await findBrowser();
  if (found !== null) return found;
  console.log('No Chrome or Chromium is installed; installing one now.');
  const script = fileURLToPath(new URL('ensure-browser.mjs', import.meta.url));
  spawnSync(process.execPath, [script], { stdio: 'inherit' });
  const installed = await findBrowser();
  if (installed === null)
    throw new Error('no browser could be installed. Install Chrome, or set CHROME_PATH to a Chromium');
  return installed;
}
