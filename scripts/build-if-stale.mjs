// @ts-check
// Builds dist/ when something it is made from is newer, silently unless the build fails.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const MADE_FROM = [
  'src',
  'shaders',
  'scripts/vite-plugin-wgsl.ts',
  'vite.config.ts',
  'tsconfig.json',
  'tsconfig.build.json',
];
const WRITTEN_LAST = 'dist/index.d.ts';

/** Newest change in a file, or in a folder and all below it (a deleted file changes its folder). @type {(path: string) => number} */
function newestChange(path) {
  const status = statSync(path);
  const below = status.isDirectory() ? readdirSync(path).map((name) => newestChange(join(path, name))) : [];
  return Math.max(status.mtimeMs, ...below);
}

const builtAt = existsSync(WRITTEN_LAST) ? statSync(WRITTEN_LAST).mtimeMs : -Infinity;
if (Math.max(...MADE_FROM.map(newestChange)) > builtAt) {
  const shell = process.platform === 'win32'; // npm is a .cmd file there
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], {
    encoding: 'utf8',
    shell,
  });
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}`);
    process.exit(1);
  }
}
