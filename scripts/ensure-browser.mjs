// @ts-check
// Makes sure that the tests have a Chromium: looks for one, else installs Playwright's, else (root on Debian) apt's.
import { spawnSync } from 'node:child_process';
import { findBrowser } from './find-browser.mjs';

const isRootOnLinux = process.platform === 'linux' && process.getuid?.() === 0;

/** @type {(command: string, ...args: string[]) => boolean} */
function run(command, ...args) {
  console.log(`> ${command} ${args.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // npx is a .cmd file on Windows, which only a shell can start
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
    shell: process.platform === 'win32',
  });
  return status === 0;
}

const installers = [
  () => run('npx', 'playwright', 'install', ...(isRootOnLinux ? ['--with-deps'] : []), 'chromium'),
  () =>
    isRootOnLinux &&
    run('apt-get', 'update') &&
    run('apt-get', 'install', '-y', '--no-install-recommends', 'chromium'),
];

let browser = await findBrowser();
for (const install of installers) {
  if (browser !== null) break;
  install();
  browser = await findBrowser();
}
if (browser === null) {
  console.error('No Chromium found. Install Chrome or Chromium, or set CHROME_PATH to its executable.');
  process.exit(1);
}
console.log(`browser: ${browser}`);
