// The frame around the cards of the demo: the gallery, and what happens when something is missing.
import { chromium, type Locator, type Page, type Response } from '@playwright/test';
import { gzipSync } from 'node:zlib';
import { launchOptions } from '../scripts/find-browser.mjs';
import { BUILT, button, checkLook, DESKTOP, openCard, steps } from './card.ts';
import { collectProblems, expect, test } from './fixtures.ts';

const MOST_BYTES = 250_000;

test('the gallery leads to a card and back, and little has to be loaded', async ({ page }, info) => {
  const responses: Response[] = [];
  page.on('response', (response) => responses.push(response));
  await page.setViewportSize(DESKTOP);
  await page.goto(BUILT);
  await checkLook(page, info, 'gallery');

  await page.getByRole('link', { name: 'Points in the plane' }).press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Points in the plane' })).toBeFocused();
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 60_000 });
  await expect(page.locator('.formula .katex')).not.toHaveCount(0);
  await page.evaluate(() => document.fonts.ready);
  const sizes = await Promise.all(
    responses.map(async (response) => [response.url(), gzipSync(await response.body()).length] as const),
  );
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  info.annotations.push({ type: 'bytes of gallery and card, compressed', description: String(total) });
  expect(total, sizes.map((size) => size.join(': ')).join('\n')).toBeLessThanOrEqual(MOST_BYTES);

  await button(page, 'Play').press('Enter');
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(4);
  expect(page.workers()).toHaveLength(1);
  await page.getByRole('link', { name: 'Chainrule' }).press('Enter');
  await expect(page.getByRole('link', { name: /^Handwritten digits/ })).toBeVisible();
  await expect.poll(() => page.workers(), 'its worker has ended, and its GPU memory is free').toHaveLength(0);
});

/** Press Tab, or Shift+Tab, until the focus is there. It has to be seen wherever it stops. */
async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press(key);
    const unseen = await page.evaluate(() => {
      const focused = document.activeElement!;
      // a radio button is drawn by the text beside it
      const parts = focused.matches('.segments input') ? [focused.nextElementSibling!] : [focused];
      const isRinged = ({ outlineStyle, outlineWidth }: CSSStyleDeclaration) =>
        outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2;
      return parts.some((part) => isRinged(getComputedStyle(part))) ? null : focused.outerHTML;
    });
    expect(unseen, 'focused, and not to be seen').toBeNull();
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error('expected the focus to get there');
}

test('everything works by keyboard alone, and shows where the focus is', async ({ page }) => {
  await page.setViewportSize(DESKTOP);
  await page.goto(BUILT);
  const { keyboard } = page;
  await tabTo(page, page.getByRole('link', { name: 'Points in the plane' }));
  await keyboard.press('Enter');
  const play = page.getByRole('button', { name: /^(Play|Pause|Resume)$/ });
  await expect(play).toBeEnabled({ timeout: 60_000 });

  await tabTo(page, play);
  await keyboard.press('Enter');
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(4);
  await keyboard.press('Space');
  await expect(play).toHaveText('Resume');

  await tabTo(page, page.getByLabel('Data', { exact: true }));
  await keyboard.press('ArrowDown');
  await expect(page).toHaveURL(/data=/);
  await expect.poll(() => steps(page), { message: 'of another network', timeout: 20_000 }).toBe(0);
  await expect(play).toBeEnabled();
  await tabTo(page, page.getByLabel('Learning rate'));
  await keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/lr=/);

  await tabTo(page, button(page, 'Step'), 'Shift+Tab');
  await keyboard.press('Enter');
  await expect.poll(() => steps(page)).toBe(1);
  await tabTo(page, button(page, 'Reset'));
  await keyboard.press('Enter');
  await expect.poll(() => steps(page)).toBe(0);
  await tabTo(page, page.getByRole('link', { name: 'Chainrule' }), 'Shift+Tab');
  await keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: /^Watch neural networks/ })).toBeFocused();
});

/** What moves by itself: elements with a transition or an animation, and animations that run. */
const moving = (page: Page) =>
  page.evaluate(() => {
    const isStill = ({ animationName, transitionDuration }: CSSStyleDeclaration) =>
      animationName === 'none' && Number.parseFloat(transitionDuration) === 0;
    const movable = [...document.querySelectorAll('*')].filter(
      (element) => !['', '::before', '::after'].every((part) => isStill(getComputedStyle(element, part))),
    );
    return [...movable.map(({ outerHTML }) => outerHTML), ...document.getAnimations().map(String)];
  });

test('nothing moves for who wants reduced motion', async ({ page }) => {
  for (const [path, ready] of [
    ['', '.entry'],
    ['#/digits', '.bars .fill'],
  ] as const) {
    await page.goto(BUILT + path);
    await expect(page.locator(ready).first()).toBeAttached();
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await moving(page), 'what could move').not.toEqual([]);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.locator(ready).first().hover({ force: true });
    expect(await moving(page)).toEqual([]);
  }
});

test('a hidden tab pauses, and goes on when it is seen again', async ({ page }) => {
  await openCard(page, 'points');
  await button(page, 'Play').click();
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(4);
  const hide = (hidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await hide(true);
  await expect(button(page, 'Resume')).toBeVisible();
  const before = await steps(page);
  await hide(false);
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(before);
});

test('runs from the development server of npm run demo', async ({ page }) => {
  await page.goto('/#/points');
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 60_000 });
});

test('says what to do in a browser without WebGPU, and trains a tiny card on the CPU', async ({
  page,
}, info) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
  await page.setViewportSize(DESKTOP);
  await page.goto(`${BUILT}#/digits`);
  const advice = page.getByRole('region', { name: 'needs WebGPU' });
  await expect(advice.getByRole('listitem').first()).toContainText('Chrome');
  await expect(advice).toContainText('Firefox');
  await expect(advice).toContainText('Safari');
  await expect(button(page, 'Play')).toBeHidden();
  await checkLook(page, info, 'no-webgpu');

  await page.goto(`${BUILT}#/points?data=moons`);
  await button(page, 'Train on the CPU instead').click();
  await expect(page).toHaveURL(/data=moons&backend=cpu/);
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 20_000 });
  await expect(page.locator('#adapter-name')).toHaveText('CPU, without WebGPU');
  await button(page, 'Play').click();
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(4);
});

test('says what to do when only workers lack WebGPU', async ({ page }) => {
  await page.route(/worker-.*\.js/, async (route) => {
    const response = await route.fetch();
    const body = `Reflect.deleteProperty(WorkerNavigator.prototype, 'gpu');\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
  await page.goto(`${BUILT}#/points`);
  await expect(page.getByRole('region', { name: 'needs WebGPU' })).toBeVisible();
});

test('says what to do when no adapter answers', async () => {
  const options = await launchOptions();
  const args = options.args.filter((argument) => !argument.includes('webgpu'));
  const browser = await chromium.launch({ ...options, args });
  try {
    const page = await browser.newPage();
    await page.goto(`${BUILT}#/points`);
    const advice = page.getByRole('region', { name: 'found none it can use' });
    await expect(advice.getByRole('listitem').first()).toContainText('graphics acceleration');
    await expect(button(page, 'Train on the CPU instead')).toBeVisible();
  } finally {
    await browser.close();
  }
});

test('says so when the data does not arrive', async ({ page, problems }) => {
  await page.route('**/data/t10k-images*', (route) => route.fulfill({ status: 503, body: '' }));
  await page.goto(`${BUILT}#/digits`);
  await expect(page.getByRole('region', { name: 'The data did not arrive' })).toContainText('503');
  // The page gives up at once, so that the other files are cut off.
  expect(problems.splice(0).filter((problem) => !/503|ERR_ABORTED/.test(problem))).toEqual([]);
});

test('goes on from a checkpoint when the GPU goes away', async () => {
  const browser = await chromium.launch(await launchOptions());
  try {
    const page = await browser.newPage({ serviceWorkers: 'block' });
    const exceptions = await collectProblems(page);
    await openCard(page, 'points');
    await button(page, 'Step').click();
    await expect(button(page, 'Resume')).toBeEnabled();
    await button(page, 'Resume').click();
    await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(4);
    const session = await browser.newBrowserCDPSession();
    void session.send('Browser.crashGpuProcess').catch(() => {}); // the answer may never come
    await expect(page.getByText(/is back: training goes on from the last checkpoint, step \d/)).toBeVisible({
      timeout: 30_000,
    });
    await expect(button(page, 'Pause')).toBeVisible();
    const before = await steps(page);
    await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(before);
    expect(exceptions.filter((problem) => problem.startsWith('exception'))).toEqual([]);
  } finally {
    await browser.close();
  }
});

test.describe('offline', () => {
  test.use({ serviceWorkers: 'allow' });

  test('works offline once it is loaded', async ({ page, context }) => {
    await page.goto(BUILT);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
    await context.setOffline(true);
    await page.reload();
    await page.getByRole('link', { name: 'Points in the plane' }).click();
    await expect(button(page, 'Play')).toBeEnabled({ timeout: 60_000 });
  });
});
