// @ts-check
// What a run shows: a progress bar on a terminal, a line now and then elsewhere.
import cliProgress from 'cli-progress';

/** @typedef {import('./task.mjs').Progress} Progress */

/** Without a terminal this many lines are printed for each phase, and one after this long (ms) in any case. */
const LINES = 10;
const LINE_EVERY_MS = 30_000;

/** `8.3`, `413`, `12,400` */
const RATE = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

const NAMES = { train: 'training', test: 'testing ' };

/**
 * @param {NodeJS.WriteStream} terminal where the bar goes if it is one
 * @param {(line: string) => void} print where lines go if it is not
 * @returns {{ show(progress: Progress): void, stop(): void }} `stop` leaves the terminal as it was, and may be called twice
 */
export function progressDisplay(terminal, print) {
  return terminal.isTTY ? bars(terminal) : lines(print);
}

/** @type {(terminal: NodeJS.WriteStream) => ReturnType<typeof progressDisplay>} */
function bars(terminal) {
  /** @type {cliProgress.SingleBar | null} */
  let bar = null;
  /** @type {Progress['phase'] | null} */
  let phase = null;
  return {
    show(progress) {
      const { done, total } = progress;
      const payload = { figures: figures(progress) };
      if (progress.phase !== phase) {
        bar?.stop();
        phase = progress.phase;
        bar = new cliProgress.SingleBar({
          stream: terminal,
          format: `${NAMES[phase]} {bar} {percentage}% | {figures}`,
          barsize: 24,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          hideCursor: true,
          gracefulExit: false, // train.mjs handles signals
        });
        bar.start(total, done, payload);
      } else bar?.update(done, payload);
      if (done === total) bar?.stop();
    },
    stop: () => bar?.stop(),
  };
}

/** @type {(print: (line: string) => void) => ReturnType<typeof progressDisplay>} */
function lines(print) {
  /** @type {Progress['phase'] | null} */
  let phase = null;
  let printed = 0;
  let printedAt = 0;
  return {
    show(progress) {
      const { done, total } = progress;
      const part = Math.floor((LINES * done) / total);
      const now = performance.now();
      if (progress.phase === phase && part === printed && now - printedAt < LINE_EVERY_MS) return;
      phase = progress.phase;
      [printed, printedAt] = [part, now];
      print(`${NAMES[phase]} ${Math.floor((100 * done) / total)}% | ${figures(progress)}`);
    },
    stop() {},
  };
}

/** @type {(progress: Progress) => string} */
function figures(progress) {
  const parts = [
    `accuracy ${(100 * progress.accuracy).toFixed(1)}%`,
    `${RATE.format(progress.imagesPerSecond)} images/s`,
    `ETA ${duration(progress.eta)}`,
  ];
  if (progress.phase === 'train') parts.unshift(`loss ${progress.loss.toFixed(4)}`);
  return parts.join(' | ');
}

/** `7s`, `2m 05s`, `3h 12m`. @param {number} seconds not negative */
export function duration(seconds) {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  if (hours > 0) return `${hours}h ${two(minutes)}m`;
  return minutes > 0 ? `${minutes}m ${two(whole % 60)}s` : `${whole}s`;
}
