// Each card of the demo: it trains for real, and somebody uses it.
import type { Page } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { decodeSafetensors } from '../src/data/index.ts';
import { BUILT, button, checkLook, checksum, openCard, steps, trainUntil, value } from './card.ts';
import { expect, test } from './fixtures.ts';

/**
 * Generous: the software GPU computes on the two cores that draw the page, and 67 ms were seen with ten others waiting for
 * them. Training in the page itself would take seconds at once, when it compiles and when it tests.
 */
const LONGEST_TASK_MS = 300;

type Point = readonly [x: number, y: number];

/** Pen paths in shares of the pad, as a hand draws them: none is straight, none is centred. */
const SEVEN: readonly Point[] = [
  [0.26, 0.24],
  [0.4, 0.23],
  [0.56, 0.235],
  [0.7, 0.22],
  [0.66, 0.34],
  [0.58, 0.5],
  [0.5, 0.66],
  [0.45, 0.82],
];
const ZERO: readonly Point[] = Array.from({ length: 25 }, (_, i): Point => {
  const angle = -Math.PI / 2 - (i / 24) * 2 * Math.PI;
  return [0.5 + 0.2 * Math.cos(angle) + 0.02 * Math.sin(2 * angle), 0.5 + 0.31 * Math.sin(angle)];
});

/** Move the pressed pointer over an element along a path in shares of its size. */
async function stroke(page: Page, selector: string, [start, ...rest]: readonly Point[]): Promise<void> {
  const target = page.locator(selector);
  await target.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await target.boundingBox())!;
  await page.mouse.move(x + start![0] * width, y + start![1] * height);
  await page.mouse.down();
  for (const [dx, dy] of rest) await page.mouse.move(x + dx * width, y + dy * height, { steps: 3 });
  await page.mouse.up();
}

/** Red, green, blue and alpha of a canvas, `at` pixels from its left and from its top. */
const pixel = (page: Page, selector: string, at: number): Promise<number[]> =>
  page.locator(selector).evaluate((canvas: HTMLCanvasElement, offset) => {
    const copy = new OffscreenCanvas(1, 1).getContext('2d')!;
    copy.drawImage(canvas, -offset, -offset);
    return [...copy.getImageData(0, 0, 1, 1).data];
  }, at);

test('points: bends its boundary, takes points by mouse and keyboard, and saves and loads weights', async ({
  page,
}, info) => {
  await openCard(page, 'points?data=circles&lr=0.02');
  await expect(page.getByLabel('Data', { exact: true })).toHaveValue('circles');
  const untrained = await checksum(page);
  await trainUntil(page, async () => expect(await value(page, 'testAccuracy')).toBeGreaterThanOrEqual(95));
  await expect(page.locator('#dispatches')).toHaveText(/^\d+$/);
  await expect(page.locator('#memory')).toHaveText(/\d [kM]B$/);

  const trained = await checksum(page);
  const saving = page.waitForEvent('download');
  await button(page, 'Save weights').click();
  const file = await (await saving).path();
  expect(decodeSafetensors(await readFile(file)).tensors.get('0.weight')!.shape).toEqual([16, 2]);

  // points of class B in a corner of class A: what is there is wrong until it trains on
  const plane = page.getByRole('application');
  const accuracy = await value(page, 'trainAccuracy');
  await page.getByRole('radio', { name: 'B', exact: true }).check();
  for (let i = 0; i < 40; i++)
    await plane.click({ position: { x: 8 + (i % 8) * 5, y: 8 + Math.floor(i / 8) * 5 } });
  await button(page, 'Step').click();
  await expect.poll(() => value(page, 'trainAccuracy')).toBeLessThan(accuracy - 5);
  await plane.focus();
  for (let i = 0; i < 15; i++) await plane.press('ArrowLeft');
  await plane.press('Enter');
  await trainUntil(page, async () => {
    expect(await value(page, 'trainAccuracy')).toBeGreaterThanOrEqual(95);
    const corner = await pixel(page, '.plane canvas', 50);
    expect(corner[2], 'the corner is blue now').toBeGreaterThan(corner[0]!);
  });

  await page.getByLabel('Learning rate').press('ArrowRight');
  await expect(page).toHaveURL(/#\/points\?data=circles&lr=0.022$/);
  const exporting = page.waitForEvent('download');
  await button(page, 'Save Accuracy as CSV').click();
  const csv = await readFile(await (await exporting).path(), 'utf8');
  expect(csv).toMatch(/^step,trainAccuracy,testAccuracy\n0,0\.\d+,0\.\d+\n/);
  await checkLook(page, info, 'points');

  await button(page, 'Reset').click();
  await expect(button(page, 'Play')).toBeEnabled();
  expect(await checksum(page), 'parameters after a reset').toBe(untrained);
  const choosing = page.waitForEvent('filechooser');
  await button(page, 'Load weights…').click();
  await (await choosing).setFiles(file);
  await expect(page.getByText(/^Loaded /)).toBeVisible();
  expect(await checksum(page), 'parameters after loading').toBe(trained);

  // another network is built; training goes on with it
  await button(page, 'Resume').click();
  await page.getByLabel('Hidden layers').press('ArrowRight');
  await expect(page.locator('#parameters')).toHaveText('898', { timeout: 20_000 });
  await expect(page.getByText('The GPU went away')).toBeHidden();
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(5);
});

/** How far down the network's line is around some share of the graph's width: where pixels are blue. */
const networkAt = (page: Page, across: number): Promise<number> =>
  page.locator('#graph').evaluate((canvas: HTMLCanvasElement, share) => {
    const { height, width } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext('2d')!;
    copy.drawImage(canvas, 0, 0);
    const columns = 30; // wider than the dot of a joint
    const { data } = copy.getImageData(Math.round(share * width) - columns / 2, 0, columns, height);
    const blue = Array.from({ length: columns * height }, (_, i) => i).filter(
      (i) => data[4 * i + 2]! > data[4 * i]! + 80,
    );
    return blue.reduce((sum, i) => sum + Math.floor(i / columns), 0) / blue.length / height;
  }, across);

test('approximation: lays pieces along a curve, a drawn one too, by mouse and keyboard, and on the CPU', async ({
  page,
}, info) => {
  await openCard(page, 'approximation?lr=0.02');
  const pieces = async () => Number(await page.locator('#pieces').textContent());
  await expect(page.locator('#most')).toHaveText('linear pieces, of at most 17');
  await trainUntil(page, async () => expect(await value(page, 'loss')).toBeLessThan(0.03));
  expect(await pieces()).toBeGreaterThanOrEqual(4);
  expect(await pieces()).toBeLessThanOrEqual(17);
  expect(await value(page, 'pieces'), 'its curve').toBe(await pieces());

  // a drawn curve is learned as well
  await stroke(page, '#graph', [
    [0.02, 0.85],
    [0.4, 0.6],
    [0.98, 0.2],
  ]);
  await expect(button(page, 'Remove my drawing')).toBeEnabled();
  // at x = 0.8 the sine is low, and what was drawn is high
  expect(await networkAt(page, 0.9), 'before it learns').toBeGreaterThan(0.55);
  await trainUntil(page, async () => expect(await networkAt(page, 0.9)).toBeLessThan(0.33));
  await checkLook(page, info, 'approximation');

  // by keyboard: another preset, and a bend in it; the network is built anew for it
  await page.getByLabel('Curve', { exact: true }).selectOption('step');
  await expect(page).toHaveURL(/curve=step/);
  await expect(button(page, 'Remove my drawing')).toBeDisabled();
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 20_000 });
  const graph = page.getByRole('application');
  await graph.focus();
  for (let i = 0; i < 5; i++) await graph.press('ArrowDown');
  await expect(button(page, 'Remove my drawing')).toBeEnabled();
  await button(page, 'Remove my drawing').press('Enter');
  await expect(button(page, 'Remove my drawing')).toBeDisabled();

  await page.getByLabel('Hidden layers').press('ArrowRight');
  await expect(page.locator('#most')).toHaveText('linear pieces, of at most 289', { timeout: 20_000 });

  await page.goto(`${BUILT}#/approximation?backend=cpu`);
  await expect(page.locator('#adapter-name')).toHaveText('CPU, without WebGPU');
  await trainUntil(page, async () => expect(await value(page, 'loss')).toBeLessThan(0.2));
});

test('digits: learns to read, stands still while paused, and reads two drawn digits', async ({
  page,
}, info) => {
  test.setTimeout(180_000);
  await page.addInitScript(() => {
    const tasks: number[] = [];
    const collect = (list: PerformanceObserverEntryList) =>
      void tasks.push(...list.getEntries().map(({ duration }) => duration));
    new PerformanceObserver(collect).observe({ type: 'longtask' });
    Object.assign(window, { longTasks: tasks });
  });
  await openCard(page, 'digits?channels=4&batch=32&lr=0.005');
  await expect(page.locator('#adapter-name')).not.toBeEmpty();
  const untrained = await checksum(page);
  await page.evaluate(() => ((window as unknown as { longTasks: number[] }).longTasks.length = 0));

  await trainUntil(page, async () => expect(await steps(page)).toBeGreaterThan(2));
  const paused = await checksum(page);
  const pausedAt = await steps(page);
  await page.waitForTimeout(500);
  expect(await checksum(page), 'parameters while paused').toBe(paused);
  expect(await steps(page)).toBe(pausedAt);
  await button(page, 'Step').press('Enter');
  await expect.poll(() => steps(page)).toBe(pausedAt + 1);
  expect(await checksum(page), 'parameters after a step').not.toBe(paused);

  await trainUntil(page, async () => expect(await value(page, 'accuracy')).toBeGreaterThanOrEqual(88));
  await stroke(page, '#pad', ZERO);
  await expect(page.locator('#digit')).toHaveText('0', { timeout: 10_000 });
  await button(page, 'Clear').click();
  await expect(page.locator('#digit')).toHaveText('–');
  await stroke(page, '#pad', SEVEN);
  await expect(page.locator('#digit')).toHaveText('7', { timeout: 10_000 });
  const longest = await page.evaluate(() =>
    Math.max(0, ...(window as unknown as { longTasks: number[] }).longTasks),
  );
  info.annotations.push({ type: 'longest main-thread task', description: `${longest} ms` });
  expect(longest, 'longest task of the main thread, ms').toBeLessThan(LONGEST_TASK_MS);

  await expect(page.locator('.maps canvas')).toHaveCount(4);
  const sample = page.locator('#samples button').first();
  await expect(sample).toHaveAccessibleName(/^A 7, read as \d/);
  await sample.press('Enter');
  await expect(sample).toHaveAttribute('aria-pressed', 'true');
  await checkLook(page, info, 'digits');

  await button(page, 'Reset').click();
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 20_000 });
  expect(await steps(page)).toBe(0);
  expect(await checksum(page), 'parameters after a reset').toBe(untrained);
});

/** How opaque a canvas is, on 28 × 28 places. Read from a copy: Chromium warns of a canvas that is read again and again. */
function inkOf(canvas: HTMLCanvasElement): number[] {
  const copy = new OffscreenCanvas(28, 28).getContext('2d')!;
  copy.drawImage(canvas, 0, 0, 28, 28);
  return [...copy.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 3);
}

test('vae: learns a plane of digits, decodes where it is dragged, also by keyboard and while paused', async ({
  page,
}, info) => {
  await openCard(page, 'vae?hidden=64&lr=0.01');
  const place = page.locator('#place');
  await expect(place).toHaveText('z = (0.00, 0.00)');
  await trainUntil(page, async () => {
    expect(await value(page, 'reconstruction')).toBeGreaterThan(-225);
    expect(await value(page, 'kl')).toBeGreaterThan(1);
  });
  expect(await value(page, 'elbo')).toBeLessThan(await value(page, 'reconstruction'));

  // paused, the plane and the digit at the chosen place still answer
  const ink = (selector: string) => page.locator(selector).evaluate(inkOf);
  const difference = (a: number[], b: number[]) =>
    a.reduce((sum, alpha, i) => sum + Math.abs(alpha - b[i]!), 0) / a.length;
  const atOrigin = await ink('#imagined');
  await stroke(page, '#latent', [
    [0.5, 0.5],
    [0.7, 0.4],
    [0.9, 0.1],
  ]);
  await expect(place).toHaveText(/^z = \(2\.\d\d, 2\.\d\d\)$/);
  await expect
    .poll(async () => difference(await ink('#imagined'), atOrigin), { message: 'another digit' })
    .toBeGreaterThan(8);
  const plane = page.getByRole('application');
  await plane.focus();
  for (let i = 0; i < 10; i++) await plane.press('Shift+ArrowLeft');
  await expect(place).toHaveText(/^z = \(−2\.\d\d, 2\.\d\d\)$/);

  // where the encoder puts a digit, the decoder draws what comes back of it
  await page.locator('#pairs button').nth(2).press('Enter');
  const back = await ink('#pairs button:nth-child(3) canvas:last-child');
  await expect.poll(async () => difference(await ink('#imagined'), back)).toBeLessThan(1);

  const decoded = await ink('#latent');
  await page.getByRole('radio', { name: 'Encoded' }).check();
  await expect
    .poll(async () => difference(await ink('#latent'), decoded), { timeout: 20_000 })
    .toBeGreaterThan(3);
  await checkLook(page, info, 'vae-encoded');
  await page.getByRole('radio', { name: 'Decoded' }).check();
  await expect.poll(async () => difference(await ink('#latent'), decoded)).toBeLessThan(1);
  await page.screenshot({ path: info.outputPath('vae-decoded.png'), fullPage: true });

  // a larger β applies while it trains
  await page.getByLabel('β').fill('1');
  await expect(page).toHaveURL(/beta=10&/);
  const before = await steps(page);
  await button(page, 'Step').click();
  await expect.poll(() => steps(page)).toBe(before + 1);
});
