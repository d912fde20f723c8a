import {
  positionOf,
  valueAt,
  type Choice,
  type Control,
  type Controls,
  type Range,
  type Settings,
  type WholeNumber,
} from './controls.ts';
import { element } from './dom.ts';

/** The most options that stand side by side, and the most letters of each; others go into a menu. */
const SEGMENTS = 2;
const LETTERS = 6;

type Change = (value: number | string) => void;

/**
 * Fields for all settings.
 *
 * @param onChange told the name and whether it applies at once or needs another network
 */
export function settingsForm(
  controls: Controls,
  settings: Readonly<Settings>,
  onChange: (name: string, value: number | string, live: boolean) => void,
): HTMLFormElement {
  const fields = Object.entries(controls).map(([name, control]) => {
    const id = `setting-${name}`;
    return field(id, control, settings[name]!, (value) => onChange(name, value, control.live));
  });
  const form = element('form', { class: 'settings', 'aria-label': 'Settings' }, ...fields);
  form.addEventListener('submit', (event) => event.preventDefault());
  return form;
}

function field(id: string, control: Control, value: number | string, onChange: Change): HTMLElement {
  switch (control.kind) {
    case 'range':
      return rangeField(id, control, value as number, onChange);
    case 'choice':
      return areSegments(control)
        ? segmentsField(id, control, value as string, onChange)
        : menuField(id, control, value as string, onChange);
    case 'whole number':
      return numberField(id, control, value as number, onChange);
  }
}

function rangeField(id: string, control: Range, value: number, onChange: Change): HTMLElement {
  const [low, high] = [positionOf(control, control.min), positionOf(control, control.max)];
  const input = element('input', {
    id,
    type: 'range',
    min: String(low),
    max: String(high),
    step: String(control.step),
    value: String(positionOf(control, value)),
  });
  const output = element('output', { for: id });
  const show = (current = valueAt(control, Number(input.value))) => {
    output.textContent = input.ariaValueText = String(current);
    input.style.setProperty('--filled', `${(100 * (Number(input.value) - low)) / (high - low)}%`);
    return current;
  };
  show(value); // a value from a link may lie between two notches
  input.addEventListener('input', () => {
    const current = show();
    if (control.live) onChange(current);
  });
  // a network is not built for every notch that the thumb passes
  input.addEventListener('change', () => {
    if (!control.live) onChange(show());
  });
  const head = element('div', { class: 'label' }, element('label', { for: id }, control.label), output);
  return element('div', { class: 'field' }, head, element('div', { class: 'slider' }, input));
}

function areSegments({ options }: Choice): boolean {
  const labels = Object.values(options);
  return labels.length <= SEGMENTS && labels.every(({ length }) => length <= LETTERS);
}

function segmentsField(id: string, control: Choice, value: string, onChange: Change): HTMLElement {
  const segments = Object.entries(control.options).map(([option, label]) => {
    const input = element('input', { type: 'radio', name: id, value: option, checked: option === value });
    input.addEventListener('change', () => onChange(option));
    return element('label', {}, input, element('span', {}, label));
  });
  return element(
    'fieldset',
    { class: 'field' },
    element('legend', {}, control.label),
    element('div', { class: 'segments' }, ...segments),
  );
}

function menuField(id: string, control: Choice, value: string, onChange: Change): HTMLElement {
  const options = Object.entries(control.options).map(([option, label]) =>
    element('option', { value: option, selected: option === value }, label),
  );
  const select = element('select', { id }, ...options);
  select.addEventListener('change', () => onChange(select.value));
  return element('div', { class: 'field' }, element('label', { for: id }, control.label), select);
}

function numberField(id: string, control: WholeNumber, value: number, onChange: Change): HTMLElement {
  const input = element('input', {
    id,
    type: 'number',
    min: String(control.min),
    max: String(control.max),
    value: String(value),
  });
  input.addEventListener('change', () => {
    const whole = Math.round(Number(input.value));
    const within = Math.min(control.max, Math.max(control.min, Number.isFinite(whole) ? whole : value));
    input.value = String(within);
    onChange(within);
  });
  return element('div', { class: 'field' }, element('label', { for: id }, control.label), input);
}
