import { Curve } from './curve.ts';
import { digitImage } from './digit-image.ts';
import { best, paint, percent, ProbabilityBars, SampleGrid } from './digits-view.ts';
import { DrawingPad } from './drawing-pad.ts';
import type { Command, ModelName, Phase, Pixels, Report, Settings } from './protocol.ts';
import { showTrouble } from './trouble.ts';

declare global {
  interface Window {
    /** For tests and the curious: a fingerprint of the network's parameters. */
    demo: { checksum(): Promise<string> };
  }
}

const find = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;
const setText = (id: string, text: string) => (find(id).textContent = text);
const integer = (value: number) => value.toLocaleString('en');

const toggle = find<HTMLButtonElement>('toggle');
const reset = find<HTMLButtonElement>('reset');
const clear = find<HTMLButtonElement>('clear');
const lr = find<HTMLInputElement>('lr');
const batch = find<HTMLSelectElement>('batch');
const progress = find<HTMLProgressElement>('progress');

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const send = (command: Command) => worker.postMessage(command);

const SOME_HELD_OUT = 'digits it never trains on';
const SMOOTHED = 'cross-entropy, smoothed';
/** What stands below the title of a chart while the pointer is elsewhere. */
const notes = { accuracy: SOME_HELD_OUT, loss: SMOOTHED };
function setNote(chart: keyof typeof notes, text: string): void {
  notes[chart] = text;
  setText(`${chart}-note`, text);
}
const accuracy = new Curve(find('accuracy-plot'), {
  colour: '--good',
  smooth: false,
  range: () => [0, 1],
  format: (value) => `${+(100 * value).toFixed(1)} %`,
  onHover: (text) => setText('accuracy-note', text ?? notes.accuracy),
});
const loss = new Curve(find('loss-plot'), {
  colour: '--accent',
  smooth: true,
  logarithmic: true,
  // One lucky batch must not stretch the axis; a network that knows nothing is at ln 10 = 2.3.
  range: (low, high) => [Math.max(0.01, Math.min(low ?? 1, 0.1)), Math.max(high ?? 0, 3)],
  format: (value) => String(+value.toPrecision(3)),
  onHover: (text) => setText('loss-note', text ?? notes.loss),
});

const bars = new ProbabilityBars(find('bars'));
const samples = new SampleGrid(find('samples'), (pixels) => {
  clearPad();
  watch(pixels);
});
let drawing = 0;
const pad = new DrawingPad(find<HTMLCanvasElement>('pad'), (strokes) => {
  samples.unpress();
  find('pad-hint').hidden = true;
  clear.disabled = false;
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => watch(digitImage(strokes, 1)));
});

function clearPad(): void {
  cancelAnimationFrame(drawing);
  pad.clear();
  find('pad-hint').hidden = false;
  clear.disabled = true;
}

let phase: Phase = 'loading';
let adapterIsSoftware = false;

/** The digit that the worker classifies, or the next one when it is still busy with another. */
let watched: Pixels | null = null;
function watch(pixels: Pixels | null): void {
  watched = pixels;
  paint(find<HTMLCanvasElement>('seen'), pixels);
  send({ type: 'watch', pixels });
  if (!pixels) showProbabilities(null);
}

function showProbabilities(probabilities: Float32Array | null): void {
  bars.show(probabilities);
  const winner = probabilities && best(probabilities);
  setText('digit', winner ? String(winner.digit) : '–');
  setText('confidence', winner ? percent(winner.probability) : '');
}

function settings(): Settings {
  const model = document.querySelector<HTMLInputElement>('input[name=model]:checked')!.value as ModelName;
  return { model, batchSize: Number(batch.value), lr: 10 ** Number(lr.value) };
}

function showLearningRate(): void {
  const [low, high] = [Number(lr.min), Number(lr.max)];
  const text = String(+settings().lr.toPrecision(2));
  setText('lr-value', text);
  lr.ariaValueText = text;
  lr.style.setProperty('--filled', `${(100 * (Number(lr.value) - low)) / (high - low)}%`);
}

function showPhase(next: Phase, parameters: number): void {
  phase = next;
  document.documentElement.dataset['phase'] = phase;
  const ready = phase === 'ready' || phase === 'training' || phase === 'paused';
  toggle.disabled = reset.disabled = !ready;
  toggle.textContent =
    phase === 'training' ? 'Pause' : phase === 'paused' ? 'Resume training' : 'Start training';
  pad.enabled = ready;
  if (parameters > 0) setText('parameters', integer(parameters));
  const messages: Record<Phase, string> = {
    loading: 'Loading the digits…',
    compiling: 'Compiling the network…',
    ready: 'Ready. It has not seen a single digit yet.',
    training: adapterIsSoftware ? 'Training on the CPU, through WebGPU…' : 'Training…',
    paused: 'Paused. The network stands still.',
  };
  setText('status', messages[phase]);
}

const handlers: { readonly [T in Report['type']]: (report: Extract<Report, { type: T }>) => void } = {
  adapter({ adapter: { vendor, architecture, description, software } }) {
    adapterIsSoftware = software;
    find('adapter').hidden = false;
    setText(
      'adapter-name',
      [vendor, architecture].filter(Boolean).join(' · ') || description || 'unnamed GPU',
    );
    find('adapter-name').title = description;
    find('adapter-software').hidden = !software;
    setText('status', 'Loading the digits…');
  },
  loaded({ bytes, total }) {
    progress.value = total > 0 ? bytes / total : 0;
  },
  samples(report) {
    progress.hidden = true;
    samples.show(report.samples);
  },
  phase(report) {
    showPhase(report.phase, report.parameters);
  },
  cleared() {
    accuracy.clear();
    loss.clear();
    for (const id of ['accuracy', 'loss', 'ms', 'rate']) setText(id, '–');
    for (const id of ['steps', 'images']) setText(id, '0');
    setNote('accuracy', SOME_HELD_OUT);
    setNote('loss', SMOOTHED);
  },
  loss({ step, loss: value }) {
    setText('steps', integer(step));
    if (Number.isFinite(value)) {
      loss.push(step, value);
      setText('loss', loss.latest!.toPrecision(3));
    } else {
      setText('loss', '∞');
      setNote('loss', 'diverged: lower the rate, then reset');
    }
  },
  accuracy({ step, accuracy: value, digits }) {
    if (digits < 10_000) accuracy.push(step, value);
    setText('accuracy', `${(100 * value).toFixed(1)} %`);
    setNote('accuracy', digits < 10_000 ? SOME_HELD_OUT : 'of all 10,000 held-out digits');
  },
  speed({ step, images, msPerStep, stepsPerSecond }) {
    setText('steps', integer(step));
    setText('images', integer(images));
    setText('ms', msPerStep.toPrecision(3));
    setText('rate', stepsPerSecond.toPrecision(3));
  },
  predictions({ probabilities }) {
    const right = samples.read(probabilities);
    setText('samples-score', `${right} of ${probabilities.length / 10} right`);
  },
  watched({ probabilities }) {
    if (watched) showProbabilities(probabilities);
  },
  checksum({ checksum }) {
    for (const resolve of waitingForChecksum.splice(0)) resolve(checksum);
  },
  failed({ reason, message }) {
    worker.terminate();
    showTrouble(reason, message);
  },
};

const waitingForChecksum: ((checksum: string) => void)[] = [];
window.demo = {
  checksum() {
    send({ type: 'checksum' });
    return new Promise((resolve) => waitingForChecksum.push(resolve));
  },
};

worker.addEventListener('message', ({ data }: MessageEvent<Report>) => {
  (handlers[data.type] as (report: Report) => void)(data);
});
worker.addEventListener('error', ({ message }) => {
  showTrouble('other', message || 'the worker did not load');
});

toggle.addEventListener('click', () => send({ type: phase === 'training' ? 'pause' : 'start' }));
reset.addEventListener('click', () => send({ type: 'reset' }));
clear.addEventListener('click', () => {
  clearPad();
  watch(null);
});
find('controls').addEventListener('submit', (event) => event.preventDefault());
find('controls').addEventListener('input', () => {
  showLearningRate();
  send({ type: 'settings', settings: settings() });
});

showLearningRate();
showProbabilities(null);
if ('gpu' in navigator) {
  send({ type: 'open', settings: settings(), dataFolder: new URL('data/', document.baseURI).href });
} else {
  worker.terminate();
  showTrouble('no-webgpu', 'navigator.gpu is missing');
}
