import 'katex/dist/katex.min.css';
import type { Equation } from './contract.ts';
import { button, element } from './dom.ts';

const TOKENS =
  /(?<comment>\/\*[\s\S]*?\*\/|\/\/.*)|(?<string>'[^'\n]*'|`[^`]*`)|(?<keyword>\b(?:import|from|export|default|async|await|function|const|let|return|new|class|extends|if|else|for|of|type|interface|readonly|super|this|void)\b)|(?<number>\b\d[\d_.]*(?:e-?\d+)?\b)/g;

/** The equations of a card beside the code that computes them. */
export function codePanel(source: string, equations: readonly Equation[]): HTMLElement {
  const lines = highlight(source).map((parts, i) =>
    element('span', { class: 'code-line', 'data-line': String(i) }, ...parts, '\n'),
  );
  const texts = source.split('\n');
  const items = equations.map((equation, i) => {
    const at = texts.findIndex((text) => text.includes(equation.code));
    if (at === -1) throw new Error(`expected a line of model.ts with ${equation.code}, got none`);
    const line = lines[at]!;
    line.classList.add('marked');
    line.prepend(element('span', { class: 'mark', 'aria-hidden': 'true' }, String(i + 1)));
    return equationItem(equation, i + 1, at + 1, line);
  });
  const code = element('code', {}, ...lines);
  // Imports and settings are for those who scroll up. There is nothing to scroll before it is laid out.
  requestAnimationFrame(() => showLine(code.querySelector<HTMLElement>('.marked')!));
  const copy = button('Copy the code', () => void copyCode(), 'small');
  async function copyCode(): Promise<void> {
    await navigator.clipboard.writeText(source);
    copy.textContent = 'Copied';
    setTimeout(() => (copy.textContent = 'Copy the code'), 2000);
  }
  return element(
    'div',
    { class: 'lesson' },
    element(
      'section',
      { class: 'card equations', 'aria-labelledby': 'equations-title' },
      element('header', { class: 'line' }, element('h2', { id: 'equations-title' }, 'Equations')),
      element('ol', {}, ...items),
    ),
    element(
      'section',
      { class: 'card code', 'aria-labelledby': 'code-title' },
      element('header', { class: 'line' }, element('h2', { id: 'code-title' }, 'The code that runs'), copy),
      element('pre', { tabindex: '0', 'aria-label': 'Source of the model' }, code),
    ),
  );
}

function equationItem(
  { formula, name }: Equation,
  number: number,
  line: number,
  target: HTMLElement,
): HTMLElement {
  const typeset = element('div', { class: 'formula' });
  typeset.innerHTML = formula;
  const show = element(
    'button',
    { type: 'button', class: 'equation' },
    element('span', { class: 'mark', 'aria-hidden': 'true' }, String(number)),
    element('span', { class: 'name' }, name),
    element('span', { class: 'quiet' }, `line ${line}`),
  );
  const item = element('li', {}, show, typeset);
  const glow = (on: boolean) => () => target.classList.toggle('glow', on);
  item.addEventListener('pointerenter', glow(true));
  item.addEventListener('pointerleave', glow(false));
  show.addEventListener('focus', glow(true));
  show.addEventListener('blur', glow(false));
  show.addEventListener('click', () => showLine(target));
  return item;
}

/** Scrolls the code, and only that, until a line stands near its top. */
function showLine(line: HTMLElement): void {
  line.closest('pre')!.scrollTop = line.offsetTop - 3 * line.offsetHeight;
}

/** The nodes of each line. */
function highlight(source: string): Node[][] {
  const lines: Node[][] = [[]];
  const push = (text: string, kind?: string) => {
    for (const [i, part] of text.split('\n').entries()) {
      if (i > 0) lines.push([]);
      if (part === '') continue;
      lines.at(-1)!.push(kind ? element('span', { class: kind }, part) : new Text(part));
    }
  };
  let end = 0;
  for (const match of source.matchAll(TOKENS)) {
    push(source.slice(end, match.index));
    const [kind] = Object.entries(match.groups!).find(([, text]) => text !== undefined)!;
    push(match[0], kind);
    end = match.index + match[0].length;
  }
  push(source.slice(end).trimEnd());
  return lines;
}
