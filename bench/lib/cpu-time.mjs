// @ts-check
// CPU time of Chromium's processes, from Linux's /proc: on a software adapter it is steadier than wall time.
import { readdirSync, readFileSync } from 'node:fs';

/** @typedef {{ renderer: number, gpuMain: number, gpuWorkers: number }} CpuTime ms so far */

/**
 * CPU time of the browser's renderers, of its GPU process's main thread (Dawn), and of that process's other
 * threads (a software adapter's workers). Null where there is no /proc.
 *
 * @param {number} browserPid
 * @returns {CpuTime | null}
 */
export function cpuTime(browserPid) {
  const total = { renderer: 0, gpuMain: 0, gpuWorkers: 0 };
  try {
    for (const pid of descendants(browserPid)) {
      const command = readOr('', `/proc/${pid}/cmdline`);
      const type = /--type=(gpu-process|renderer)/.exec(command)?.[1];
      if (!type) continue;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const part = type === 'renderer' ? 'renderer' : Number(thread) === pid ? 'gpuMain' : 'gpuWorkers';
        const nanoseconds = Number(readOr('0', `/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]);
        total[part] += nanoseconds / 1e6;
      }
    }
    return total;
  } catch {
    return null;
  }
}

/** CPU time of this process's main thread so far in ms; where there is no /proc, time on the clock. */
export function mainThreadTime() {
  const nanoseconds = Number(readOr('', '/proc/self/schedstat').split(' ')[0]);
  return nanoseconds > 0 ? nanoseconds / 1e6 : performance.now();
}

/** Process ids below `root` and itself. @param {number} root */
function descendants(root) {
  /** @type {Map<number, number>} */
  const parents = new Map();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // pid (command) state parent ...: the command may hold spaces and parentheses
    const afterCommand = readOr('', `/proc/${entry}/stat`).replace(/^.*\) /s, '');
    parents.set(Number(entry), Number(afterCommand.split(' ')[1]));
  }
  /** @type {(pid: number | undefined) => boolean} */
  const isBelow = (pid) => pid !== undefined && pid > 1 && (pid === root || isBelow(parents.get(pid)));
  return [...parents.keys()].filter(isBelow);
}

/** A file's text, or `fallback` when the process or thread has ended. @type {(fallback: string, path: string) => string} */
function readOr(fallback, path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}
