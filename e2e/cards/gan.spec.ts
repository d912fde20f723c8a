import { button, checkLook, inkOf, openCard, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

test('gan: forges digits that come closer to real ones, and what lies between two', async ({
  page,
}, info) => {
  await openCard(page, 'gan?hidden=64&lr=0.004&batch=32');
  const untrained = await value(page, 'fid');
  expect(await value(page, 'inceptionScore')).toBeLessThan(1.2);
  const noise = await inkOf(page, '#large');
  await trainUntil(page, async () => {
    expect(await value(page, 'fid')).toBeLessThan(0.7 * untrained);
    expect(await page.locator('#snapshots li').count()).toBeGreaterThan(2);
  });
  await expect(page.locator('#snapshots li').first()).toHaveText('step 0');
  expect(await inkOf(page, '#large')).not.toEqual(noise);
  expect(await value(page, 'lossG'), 'minus a logarithm').toBeGreaterThan(0);
  expect(await value(page, 'real')).toBeGreaterThan(await value(page, 'forged'));

  // one sample, another one, and halfway between both by keyboard
  const sample = (n: number) => page.locator(`#samples button:nth-child(${n})`);
  await sample(8).click();
  await expect(sample(8)).toHaveAttribute('aria-pressed', 'true');
  await expect
    .poll(() => inkOf(page, '#large'))
    .toEqual(await inkOf(page, '#samples button:nth-child(8) canvas'));
  await sample(3).press('Enter');
  const there = await inkOf(page, '#samples button:nth-child(3) canvas');
  await expect.poll(() => inkOf(page, '#large')).toEqual(there);
  const slider = page.getByRole('slider', { name: 'Way from' });
  for (let i = 0; i < 25; i++) await slider.press('ArrowLeft');
  await expect(slider).toHaveValue('0.5');
  await expect.poll(() => inkOf(page, '#large')).not.toEqual(there);
  await slider.press('Home');
  await expect
    .poll(() => inkOf(page, '#large'))
    .toEqual(await inkOf(page, '#samples button:nth-child(8) canvas'));
  await slider.fill('0.5');
  await checkLook(page, info, 'gan');

  // the other objective is another step of training; its judge has been trained already
  await page.getByLabel('Generator minimises').selectOption('saturating');
  await expect(page).toHaveURL(/objective=saturating/);
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 20_000 });
  await expect(page.locator('#snapshots li')).toHaveCount(1);
  await button(page, 'Step').click();
  await expect.poll(() => value(page, 'lossG'), { message: 'a logarithm' }).toBeLessThan(0);
});
