import { codePanel } from './code-panel.ts';
import type { Card } from './contract.ts';
import { linkOf, settingsOf, type Settings } from './controls.ts';
import { Curve } from './curve.ts';
import { button, download, element } from './dom.ts';
import { Meters } from './meters.ts';
import type { Backend, FailureReason, Phase, Report } from './protocol.ts';
import type { Entry } from './registry.ts';
import { Session } from './session.ts';
import { settingsForm } from './settings-form.ts';
import { trouble } from './trouble.ts';

export interface Page {
  readonly session: Session;
  close(): void;
}

const MESSAGES: Readonly<Record<Phase, string>> = {
  loading: 'Loading…',
  compiling: 'Compiling the network…',
  ready: 'Ready. It has learned nothing yet.',
  training: 'Training…',
  paused: 'Paused. The network stands still.',
};

/** Fill `main` with a card, and open its worker. */
export function cardPage(
  main: HTMLElement,
  { meta, name }: Entry,
  card: Card,
  source: string,
  link: URLSearchParams,
): Page {
  const backend: Backend = meta.tiny && link.get('backend') === 'cpu' ? 'cpu' : 'webgpu';
  let settings = settingsOf(meta.controls, link);
  let phase: Phase = 'loading';

  const session = new Session(name, backend, settings, {
    report: (report) => (handlers[report.type] as (report: Report) => void)(report),
    recovering() {
      setEnabled(false);
      say('The GPU went away. Trying to get it back…');
    },
    recovered(step) {
      notice.hidden = false;
      notice.textContent =
        step > 0
          ? `The GPU went away and is back: training goes on from the last checkpoint, step ${step.toLocaleString('en')}.`
          : 'The GPU went away and is back: training starts again.';
    },
    failed,
  });
  function failed(reason: FailureReason, message: string): void {
    const onCpu = meta.tiny
      ? () => (location.hash = hashOf(name, 'cpu', linkOf(meta.controls, settings)))
      : null;
    body.replaceWith(trouble(reason, message, onCpu));
  }

  const toggle = button(
    'Play',
    () => {
      if (phase === 'training') session.pause();
      else session.play();
    },
    'primary',
  );
  const step = button('Step', () => session.step());
  const reset = button('Reset', () => session.reset());
  const status = element('p', { class: 'status', role: 'status' });
  const progress = element('progress', { 'aria-label': 'Loading', max: '1', value: '0', hidden: true });
  const notice = element('p', { class: 'notice', role: 'status', hidden: true });
  const say = (text: string) => (status.textContent = text);

  const form = settingsForm(meta.controls, settings, (changed, value, live) => {
    settings = { ...settings, [changed]: value };
    history.replaceState(null, '', hashOf(name, backend, linkOf(meta.controls, settings)));
    session.set(settings as Settings, !live);
  });
  const charts = card.charts.map(
    (chart) => new Curve(chart, `${name}-${chart.title.toLowerCase().replaceAll(' ', '-')}`),
  );
  const meters = new Meters();
  const panelElement = element('div', { class: `panel panel-${name}` });
  const files = weightFiles(name, session, say);

  function setEnabled(enabled: boolean): void {
    for (const control of [toggle, step, reset, ...files]) control.disabled = !enabled;
  }

  const handlers: { readonly [T in Report['type']]: (report: Extract<Report, { type: T }>) => void } = {
    adapter: ({ adapter }) => showAdapter(adapter),
    loaded({ done, total, doing }) {
      progress.hidden = done >= total;
      progress.value = total > 0 ? done / total : 0;
      if (doing) say(`${doing}…`);
    },
    phase(report) {
      phase = report.phase;
      document.documentElement.dataset['phase'] = phase;
      progress.hidden ||= phase !== 'loading';
      setEnabled(phase === 'ready' || phase === 'training' || phase === 'paused');
      toggle.textContent = phase === 'training' ? 'Pause' : phase === 'paused' ? 'Resume' : 'Play';
      meters.showStep(report.step);
      say(MESSAGES[phase]);
    },
    figures: ({ figures }) => meters.showFigures(figures),
    cleared() {
      for (const chart of charts) chart.clear();
      meters.clear();
    },
    values({ step: at, values }) {
      meters.showStep(at);
      for (const chart of charts) chart.push(at, values);
    },
    speed: (report) => meters.showSpeed(report),
    view: ({ view }) => panel.show(view),
    checkpoint() {},
    answer() {},
    failed() {},
  };

  const body = element(
    'div',
    { class: 'workbench' },
    element(
      'div',
      { class: 'card console' },
      element(
        'div',
        { class: 'transport' },
        element('div', { class: 'buttons' }, toggle, step, reset),
        element('div', { class: 'state' }, status, progress),
      ),
      form,
    ),
    notice,
    element(
      'div',
      { class: 'columns' },
      panelElement,
      element('div', { class: 'side' }, ...charts.map((chart) => chart.element), meters.element),
    ),
    codePanel(source, card.equations),
    element(
      'div',
      { class: 'card files' },
      element('h2', {}, 'Take it with you'),
      element('div', { class: 'buttons' }, ...files, copyLink()),
    ),
  );
  main.replaceChildren(
    element(
      'header',
      { class: 'intro' },
      element('h1', { tabindex: '-1' }, meta.title),
      element('p', { class: 'lead' }, meta.summary),
    ),
    body,
  );
  setEnabled(false);
  say(MESSAGES.loading);
  for (const chart of charts) chart.attach();
  const panel = card.mount(panelElement, { send: (input, value) => session.input(input, value) });
  const isWithoutGpu = backend === 'webgpu' && !('gpu' in navigator);
  if (isWithoutGpu) failed('no-webgpu', 'navigator.gpu is missing');
  else session.open();

  return {
    session,
    close() {
      session.close();
      panel.close?.();
      for (const chart of charts) chart.close();
      document.getElementById('adapter')!.hidden = true;
    },
  };
}

function hashOf(name: string, backend: Backend, link: URLSearchParams): string {
  if (backend === 'cpu') link.set('backend', 'cpu');
  return link.size > 0 ? `#/${name}?${link}` : `#/${name}`;
}

function showAdapter(adapter: Extract<Report, { type: 'adapter' }>['adapter']): void {
  const find = (id: string) => document.getElementById(id)!;
  const text = adapter
    ? [adapter.vendor, adapter.architecture].filter(Boolean).join(' · ') ||
      adapter.description ||
      'unnamed GPU'
    : 'CPU, without WebGPU';
  find('adapter').hidden = false;
  find('adapter-name').textContent = text;
  find('adapter-software').hidden = !adapter?.software;
}

/** The buttons that save and load weights. */
function weightFiles(name: string, session: Session, say: (text: string) => void): HTMLButtonElement[] {
  const file = element('input', { type: 'file', accept: '.safetensors', hidden: true });
  const save = async () => download(`${name}.safetensors`, await session.save(), 'application/octet-stream');
  const load = async (chosen: File) => {
    try {
      await session.load(new Uint8Array(await chosen.arrayBuffer()));
      say(`Loaded ${chosen.name}.`);
    } catch (error) {
      say(`These weights do not fit: ${(error as Error).message}`);
    }
    file.value = '';
  };
  file.addEventListener('change', () => file.files?.[0] && void load(file.files[0]));
  const open = button('Load weights…', () => file.click());
  return [button('Save weights', () => void save()), open];
}

function copyLink(): HTMLButtonElement {
  const made = button('Copy a link with these settings', () => void copy());
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(location.href);
    made.textContent = 'Copied';
    setTimeout(() => (made.textContent = 'Copy a link with these settings'), 2000);
  }
  return made;
}
