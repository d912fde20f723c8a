import { button, checkLook, inkOf, openCard, steps, stroke, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

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
  const ink = (selector: string) => inkOf(page, selector);
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
