import type { Page } from '@playwright/test';
import { BUILT, button, checkLook, openCard, stroke, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

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
