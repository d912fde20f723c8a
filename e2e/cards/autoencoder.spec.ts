import { button, checkLook, inkOf, openCard, type Point, stroke, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

const RING: readonly Point[] = Array.from({ length: 21 }, (_, i): Point => {
  const angle = (i / 20) * 2 * Math.PI;
  return [0.5 + 0.22 * Math.sin(angle), 0.5 - 0.32 * Math.cos(angle)];
});
const LINE: readonly Point[] = [
  [0.52, 0.15],
  [0.5, 0.5],
  [0.48, 0.85],
];

test('autoencoder: beats PCA, gives back a drawn digit, and removes noise', async ({ page }, info) => {
  await openCard(page, 'autoencoder?code=2&hidden=64&lr=0.02');
  expect(await value(page, 'pca')).toBe(0.0552);
  await trainUntil(page, async () => expect(await value(page, 'error')).toBeLessThan(0.055));

  // what comes back of a drawn ring has paper in its middle, and of a line ink
  const middle = async () => (await inkOf(page, '#back'))[14 * 28 + 14]!;
  await stroke(page, '#pad', RING);
  await expect.poll(middle).toBeLessThan(90);
  await button(page, 'Clear').click();
  await stroke(page, '#pad', LINE);
  await expect.poll(middle).toBeGreaterThan(160);
  await expect(page.getByRole('img', { name: 'Plane of the codes' })).toBeVisible();
  await checkLook(page, info, 'autoencoder');

  // by keyboard: a held-out digit takes the place of the drawing
  await page.locator('#pairs button').nth(3).press('Enter');
  await expect(button(page, 'Clear')).toBeDisabled();
  const below = await inkOf(page, '#pairs button:nth-child(4) canvas:last-child');
  await expect.poll(() => inkOf(page, '#back')).toEqual(below);

  // noise shows at once; it is removed from what comes back
  const noisy = page.locator('#pairs button:nth-child(4) canvas:nth-child(2)');
  await expect(noisy).toBeHidden();
  await page.getByLabel('Noise').fill('0.5');
  await expect(noisy).toBeVisible();
  await expect(page).toHaveURL(/noise=0.5/);
  await page.screenshot({ path: info.outputPath('autoencoder-noise.png'), fullPage: true });

  // a larger code is another network, and no place in the plane
  await page.getByLabel('Code size').press('ArrowRight');
  await expect(page.getByRole('img', { name: 'Plane of the codes' })).toBeHidden({ timeout: 20_000 });
  await expect.poll(() => value(page, 'pca')).toBe(0.0476);
});
