// What the tests of the demo's cards share: each trains its card for real, and uses it as somebody would.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page, type TestInfo } from '@playwright/test';

/** The demo as `npm run build:demo` makes it, from a sub-path of a static host; see playwright.config.ts. */
export const BUILT = 'http://127.0.0.1:41731/some/folder/';

export const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

/** Open a card, by its link, and wait until it can train. */
export async function openCard(page: Page, link: string): Promise<void> {
  await page.setViewportSize(DESKTOP);
  await page.goto(`${BUILT}#/${link}`);
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 60_000 });
}

/** The latest value of a series; percentages as they are shown, NaN before the first. */
export const value = async (page: Page, series: string): Promise<number> =>
  Number.parseFloat((await page.locator(`#value-${series}`).textContent())!);

export const steps = async (page: Page): Promise<number> =>
  Number((await page.locator('#steps').textContent())!.replaceAll(',', ''));

export const checksum = (page: Page): Promise<string> => page.evaluate(() => window.demo.checksum());

/** Press play, wait until `outcome` passes, and pause. */
export async function trainUntil(page: Page, outcome: () => Promise<void>): Promise<void> {
  await page.getByRole('button', { name: /^(Play|Resume)$/ }).click();
  await expect(outcome).toPass({ timeout: 60_000, intervals: [250] });
  await button(page, 'Pause').click();
  await expect(button(page, 'Resume')).toBeEnabled({ timeout: 20_000 });
  await checksum(page); // answered after the network of the last step has been shown
}

/**
 * The longest task of the page's main thread in each of several times of `ms`; 0 where none takes 50 ms. The software GPU
 * computes on the cores that draw the page, so one time alone says little.
 */
export const longestTasks = (page: Page, times = 5, ms = 1500): Promise<number[]> =>
  page.evaluate(
    async ({ times, ms }) => {
      if (!PerformanceObserver.supportedEntryTypes.includes('longtask'))
        throw new Error('no long tasks here');
      const longest: number[] = [];
      for (let i = 0; i < times; i++) {
        const entries: PerformanceEntry[] = [];
        const observer = new PerformanceObserver((list) => void entries.push(...list.getEntries()));
        observer.observe({ type: 'longtask' });
        await new Promise((resolve) => setTimeout(resolve, ms));
        entries.push(...observer.takeRecords());
        observer.disconnect();
        longest.push(Math.max(0, ...entries.map(({ duration }) => duration)));
      }
      return longest;
    },
    { times, ms },
  );

/** Elements that cover each other though neither contains the other. */
function overlaps(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const parts =
      'main button, select, input[type=range], input[type=number], output, main canvas, h1, h2, main p, dt, dd, legend, label, .adapter';
    const boxes = [...document.querySelectorAll(parts)]
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box, element }) => box.width > 1 && box.height > 1 && !element.closest('.plot, .pad'));
    return boxes.flatMap(({ element: a, box: p }, i) =>
      boxes.slice(i + 1).flatMap(({ element: b, box: q }) => {
        const apart =
          p.right <= q.left + 1 || q.right <= p.left + 1 || p.bottom <= q.top + 1 || q.bottom <= p.top + 1;
        return apart || a.contains(b) || b.contains(a) ? [] : [`${a.outerHTML} and ${b.outerHTML}`];
      }),
    );
  });
}

async function checkLayout(page: Page, path: string): Promise<void> {
  await expect.poll(() => overlaps(page)).toEqual([]);
  const sideways = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(sideways, { message: 'sideways scrolling' }).toBeLessThanOrEqual(0);
  await page.screenshot({ path, fullPage: true });
}

/**
 * Two widths and both themes: nothing overlaps or scrolls sideways, and axe, which takes its time, finds nothing in two of the
 * four that show each width and theme once.
 */
export async function checkLook(page: Page, info: TestInfo, name: string): Promise<void> {
  for (const [device, size, checked] of [
    ['desktop', DESKTOP, 'light'],
    ['phone', PHONE, 'dark'],
  ] as const) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await checkLayout(page, info.outputPath(`${name}-${device}-${colorScheme}.png`));
      if (colorScheme === checked) await checkAccessibility(page);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(DESKTOP);
}

async function checkAccessibility(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('; ')}`);
  expect(found, 'found by axe').toEqual([]);
}

export type Point = readonly [x: number, y: number];

/** Move the pressed pointer over an element along a path in shares of its size. */
export async function stroke(
  page: Page,
  selector: string,
  [start, ...rest]: readonly Point[],
): Promise<void> {
  const target = page.locator(selector);
  await target.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await target.boundingBox())!;
  await page.mouse.move(x + start![0] * width, y + start![1] * height);
  await page.mouse.down();
  for (const [dx, dy] of rest) await page.mouse.move(x + dx * width, y + dy * height, { steps: 3 });
  await page.mouse.up();
}

/** Red, green, blue and alpha of a canvas, `at` pixels from its left and from its top. */
export const pixel = (page: Page, selector: string, at: number): Promise<number[]> =>
  page.locator(selector).evaluate((canvas: HTMLCanvasElement, offset) => {
    const copy = new OffscreenCanvas(1, 1).getContext('2d')!;
    copy.drawImage(canvas, -offset, -offset);
    return [...copy.getImageData(0, 0, 1, 1).data];
  }, at);

/** How opaque a canvas is, on 28 × 28 places. Read from a copy: Chromium warns of a canvas that is read again and again. */
export const inkOf = (page: Page, selector: string): Promise<number[]> =>
  page.locator(selector).evaluate((canvas: HTMLCanvasElement) => {
    const copy = new OffscreenCanvas(28, 28).getContext('2d')!;
    copy.drawImage(canvas, 0, 0, 28, 28);
    return [...copy.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 3);
  });
