import { argmax } from '../../kit/argmax.ts';
import { CLASSES, type Pixels } from '../../kit/digits.ts';
import { paint } from '../../kit/paint.ts';
import type { Sample } from './trainer.ts';

/** Held-out digits on the page; so many places are kept free for them. */
const SAMPLES = 48;

/** The class with the highest probability. */
export function best(probabilities: Float32Array): { digit: number; probability: number } {
  const digit = argmax(probabilities);
  return { digit, probability: probabilities[digit]! };
}

/** "< 1 %" to "> 99 %": no network is certain. NaN, of a network that diverged, is a dash. */
export function percent(share: number): string {
  if (Number.isNaN(share)) return '–';
  if (share > 0.99 && share < 1) return '> 99 %';
  return share > 0 && share < 0.01 ? '< 1 %' : `${Math.round(100 * share)} %`;
}

/** The held-out digits as buttons, each with what the network reads. */
export class SampleGrid {
  readonly #element: HTMLElement;
  readonly #onChoose: (pixels: Pixels) => void;
  #cells: { button: HTMLButtonElement; reading: HTMLElement; label: number }[] = [];

  constructor(element: HTMLElement, onChoose: (pixels: Pixels) => void) {
    this.#element = element;
    this.#onChoose = onChoose;
    for (let i = 0; i < SAMPLES; i++) {
      const placeholder = document.createElement('div');
      placeholder.className = 'sample';
      element.append(placeholder);
    }
  }

  get filled(): boolean {
    return this.#cells.length > 0;
  }

  show(samples: readonly Sample[]): void {
    this.#cells = samples.map(({ pixels, label }) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'sample';
      button.ariaLabel = `A ${label}`;
      button.ariaPressed = 'false';
      const canvas = document.createElement('canvas');
      canvas.className = 'ink';
      paint(canvas, pixels);
      const reading = document.createElement('span');
      reading.textContent = '\u2007'; // as wide as a digit
      button.append(canvas, reading);
      button.addEventListener('click', () => {
        this.unpress();
        button.ariaPressed = 'true';
        this.#onChoose(pixels);
      });
      return { button, reading, label };
    });
    this.#element.replaceChildren(...this.#cells.map(({ button }) => button));
  }

  /** No digit is chosen any more. */
  unpress(): void {
    for (const { button } of this.#cells) button.ariaPressed = 'false';
  }

  /** @returns how many are right */
  read(probabilities: Float32Array): number {
    let right = 0;
    for (const [i, { button, reading, label }] of this.#cells.entries()) {
      const { digit, probability } = best(probabilities.subarray(i * CLASSES, (i + 1) * CLASSES));
      const isRight = digit === label;
      if (isRight) right++;
      const name = `A ${label}, read as ${digit} (${percent(probability)})${isRight ? '' : ': wrong'}`;
      if (name === button.ariaLabel) continue;
      button.ariaLabel = button.title = name;
      button.dataset['right'] = String(isRight);
      reading.textContent = String(digit);
    }
    return right;
  }
}

/** One bar per class. */
export class ProbabilityBars {
  readonly #bars: { item: HTMLElement; fill: HTMLElement; text: HTMLElement }[];

  constructor(list: HTMLElement) {
    this.#bars = Array.from({ length: CLASSES }, (_, digit) => {
      const item = document.createElement('li');
      const track = document.createElement('div');
      track.className = 'track';
      const fill = document.createElement('div');
      fill.className = 'fill';
      track.append(fill);
      const text = document.createElement('span');
      text.className = 'hidden';
      item.append(track, String(digit), text);
      return { item, fill, text };
    });
    list.replaceChildren(...this.#bars.map(({ item }) => item));
  }

  /** null empties the bars. */
  show(probabilities: Float32Array | null): void {
    const winner = probabilities && best(probabilities).digit;
    for (const [digit, { item, fill, text }] of this.#bars.entries()) {
      const probability = probabilities?.[digit] ?? 0;
      fill.style.transform = `translateY(${100 - 100 * probability}%)`;
      text.textContent = probabilities ? `: ${percent(probability)}` : '';
      item.title = probabilities ? percent(probability) : '';
      item.dataset['best'] = String(digit === winner);
    }
  }
}
