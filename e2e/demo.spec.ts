import { chromium, type Page } from '@playwright/test';
import { launchOptions } from '../scripts/find-browser.mjs';
import { collectProblems, expect, test } from './fixtures.ts';

/** The demo as `npm run build:demo` makes it, from a sub-path of a static host; see playwright.config.ts. */
const BUILT = 'http://127.0.0.1:41731/some/folder/';

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 800 };

/**
 * Generous: the software GPU computes on the two cores that draw the page, and 67 ms were seen with ten others waiting for
 * them. Training in the page itself would take seconds at once, when it compiles and when it tests.
 */
const LONGEST_TASK_MS = 300;

type Point = readonly [x: number, y: number];

/** Pen paths in shares of the pad, as a hand draws them: none is straight, none is centred. */
const SEVEN: readonly Point[][] = [
  [
    [0.26, 0.24],
    [0.4, 0.23],
    [0.56, 0.235],
    [0.7, 0.22],
    [0.66, 0.34],
    [0.58, 0.5],
    [0.5, 0.66],
    [0.45, 0.82],
  ],
];
const ZERO: readonly Point[][] = [
  Array.from({ length: 25 }, (_, i): Point => {
    const angle = -Math.PI / 2 - (i / 24) * 2 * Math.PI;
    return [0.5 + 0.2 * Math.cos(angle) + 0.02 * Math.sin(2 * angle), 0.5 + 0.31 * Math.sin(angle)];
  }),
];

async function draw(page: Page, strokes: readonly (readonly Point[])[]): Promise<void> {
  const pad = page.locator('#pad');
  await pad.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await pad.boundingBox())!;
  for (const [start, ...rest] of strokes) {
    await page.mouse.move(x + start![0] * width, y + start![1] * height);
    await page.mouse.down();
    for (const [dx, dy] of rest) await page.mouse.move(x + dx * width, y + dy * height, { steps: 3 });
    await page.mouse.up();
  }
}

const accuracy = async (page: Page) => Number.parseFloat((await page.locator('#accuracy').textContent())!);
const steps = async (page: Page) => Number((await page.locator('#steps').textContent())!.replaceAll(',', ''));
const checksum = (page: Page) => page.evaluate(() => window.demo.checksum());
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

/** Elements that cover each other though neither contains the other. */
function overlaps(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const parts =
      'button, select, input[type=range], output, #pad, h1, h2, dt, dd, legend, .figure, .adapter, #status';
    const boxes = [...document.querySelectorAll(parts)]
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 1 && box.height > 1);
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
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  expect(scrollWidth, 'no sideways scrolling').toBeLessThanOrEqual(clientWidth);
  await page.screenshot({ path, fullPage: true });
}

test('trains a CNN to 90 %, pauses, resumes, and reads two drawn digits', async ({ page }, info) => {
  test.setTimeout(180_000);
  await page.addInitScript(() => {
    const tasks: number[] = [];
    new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({
      type: 'longtask',
    });
    Object.assign(window, { longTasks: tasks });
  });
  await page.setViewportSize(DESKTOP);
  await page.goto(BUILT);

  await expect(button(page, 'Start training')).toBeEnabled({ timeout: 60_000 });
  await expect(page.locator('#adapter-name')).not.toBeEmpty();
  const untrained = await checksum(page);
  await page.evaluate(() => ((window as unknown as { longTasks: number[] }).longTasks.length = 0));

  await button(page, 'Start training').click();
  await expect.poll(() => accuracy(page), { timeout: 90_000, intervals: [500] }).toBeGreaterThanOrEqual(90);

  await button(page, 'Pause').click();
  await expect(button(page, 'Resume training')).toBeVisible();
  const paused = await checksum(page);
  const pausedAt = await steps(page);
  await page.waitForTimeout(1000);
  expect(await checksum(page), 'parameters while paused').toBe(paused);
  expect(await steps(page)).toBe(pausedAt);

  await button(page, 'Resume training').click();
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(pausedAt);
  expect(await checksum(page), 'parameters after resuming').not.toBe(paused);

  await expect.poll(() => accuracy(page), { timeout: 90_000, intervals: [500] }).toBeGreaterThanOrEqual(95);
  await draw(page, ZERO);
  await expect(page.locator('#digit')).toHaveText('0', { timeout: 10_000 });
  await button(page, 'Clear').click();
  await expect(page.locator('#digit')).toHaveText('–');
  await draw(page, SEVEN);
  await expect(page.locator('#digit')).toHaveText('7', { timeout: 10_000 });

  const longest = await page.evaluate(() =>
    Math.max(0, ...(window as unknown as { longTasks: number[] }).longTasks),
  );
  info.annotations.push({ type: 'longest main-thread task', description: `${longest} ms` });
  expect(longest, 'longest task of the main thread, ms').toBeLessThan(LONGEST_TASK_MS);
  await page.screenshot({ path: info.outputPath('desktop-training.png'), fullPage: true });

  await button(page, 'Pause').click();
  await expect(page.getByText('of all 10,000 held-out digits')).toBeVisible({ timeout: 30_000 });
  expect(await accuracy(page)).toBeGreaterThanOrEqual(93);
  await checkLayout(page, info.outputPath('desktop.png'));
  await page.emulateMedia({ colorScheme: 'dark' });
  await checkLayout(page, info.outputPath('desktop-dark.png'));
  await page.setViewportSize(PHONE);
  await checkLayout(page, info.outputPath('phone-dark.png'));
  await page.emulateMedia({ colorScheme: 'light' });
  await checkLayout(page, info.outputPath('phone.png'));

  await button(page, 'Reset').click();
  await expect(button(page, 'Start training')).toBeVisible();
  expect(await steps(page)).toBe(0);
  expect(await checksum(page), 'parameters after a reset').toBe(untrained);
});

test('takes its settings by keyboard while it trains', async ({ page }) => {
  await page.goto(BUILT);
  await expect(button(page, 'Start training')).toBeEnabled({ timeout: 60_000 });

  await page.getByRole('radio', { name: 'CNN' }).press('ArrowRight');
  await expect(page.getByRole('radio', { name: 'MLP' })).toBeChecked();
  await expect(button(page, 'Start training')).toBeEnabled({ timeout: 20_000 });
  await button(page, 'Start training').press('Enter');
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(4);

  // A rate of 0.1 at its right end; training goes on with it, at once and without a new start.
  const before = await steps(page);
  await page.getByRole('slider', { name: 'Learning rate' }).press('End');
  await expect(page.locator('#lr-value')).toHaveText('0.1');
  await page.getByRole('combobox', { name: 'Batch size' }).selectOption('32');
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(before + 4);

  const sample = page.locator('#samples button').first();
  await expect(sample).toHaveAccessibleName(/^A 7, read as \d/);
  await sample.press('Enter');
  await expect(sample).toHaveAttribute('aria-pressed', 'true');
  await expect(page.locator('#digit')).toHaveText(/^\d$/);
  await button(page, 'Pause').press('Enter');
  await expect(button(page, 'Resume training')).toBeVisible();
});

test('runs from the development server of npm run demo', async ({ page }) => {
  await page.goto('/');
  await expect(button(page, 'Start training')).toBeEnabled({ timeout: 60_000 });
});

test('says what to do in a browser without WebGPU', async ({ page }, info) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
  await page.setViewportSize(DESKTOP);
  await page.goto(BUILT);
  const advice = page.getByRole('region', { name: 'needs WebGPU' });
  await expect(advice).toBeVisible();
  await expect(advice.getByRole('listitem').first()).toContainText('Chrome');
  await expect(advice).toContainText('Firefox');
  await expect(advice).toContainText('Safari');
  await expect(button(page, 'Start training')).toBeHidden();
  await checkLayout(page, info.outputPath('no-webgpu.png'));
  await page.setViewportSize(PHONE);
  await checkLayout(page, info.outputPath('no-webgpu-phone.png'));
});

test('says what to do when only workers lack WebGPU', async ({ page }) => {
  await page.route(/worker-.*\.js/, async (route) => {
    const response = await route.fetch();
    const body = `Reflect.deleteProperty(WorkerNavigator.prototype, 'gpu');\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
  await page.goto(BUILT);
  await expect(page.getByRole('region', { name: 'needs WebGPU' })).toBeVisible();
});

test('says what to do when no adapter answers', async () => {
  const options = await launchOptions();
  const args = options.args.filter((argument) => !argument.includes('webgpu'));
  const browser = await chromium.launch({ ...options, args });
  try {
    const page = await browser.newPage();
    await page.goto(BUILT);
    const advice = page.getByRole('region', { name: 'found none it can use' });
    await expect(advice).toBeVisible();
    await expect(advice.getByRole('listitem').first()).toContainText('graphics acceleration');
  } finally {
    await browser.close();
  }
});

test('says so when the digits do not arrive', async ({ page, problems }) => {
  await page.route('**/data/t10k-images*', (route) => route.fulfill({ status: 503, body: '' }));
  await page.goto(BUILT);
  await expect(page.getByRole('region', { name: 'The digits did not arrive' })).toContainText('503');
  // The page gives up at once, so that the other files are cut off.
  expect(problems.splice(0).filter((problem) => !/503|ERR_ABORTED/.test(problem))).toEqual([]);
});

test('says so when the GPU goes away', async () => {
  const browser = await chromium.launch(await launchOptions());
  try {
    const page = await browser.newPage();
    const exceptions = await collectProblems(page);
    await page.goto(BUILT);
    await expect(button(page, 'Start training')).toBeEnabled({ timeout: 60_000 });
    await button(page, 'Start training').click();
    const session = await browser.newBrowserCDPSession();
    void session.send('Browser.crashGpuProcess').catch(() => {}); // the answer may never come
    await expect(page.getByRole('region', { name: 'The GPU went away' })).toBeVisible({ timeout: 20_000 });
    expect(exceptions.filter((problem) => problem.startsWith('exception'))).toEqual([]);
  } finally {
    await browser.close();
  }
});
