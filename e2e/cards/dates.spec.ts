import { checkLook, openCard, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

test('dates: learns what a date looks like, reads what is typed, and shows where it looks', async ({
  page,
}, info) => {
  await openCard(page, 'dates?depth=1&hidden=32&heads=2&batch=8&lr=0.01');
  expect(await value(page, 'characters')).toBeLessThan(10);
  // 4.2 at first; at 1.5 it knows that there are hyphens, and where
  await trainUntil(page, async () => expect(await value(page, 'loss')).toBeLessThan(1.5));
  await expect.poll(() => value(page, 'characters')).toBeGreaterThan(40);
  await expect(page.locator('#score')).toHaveText(/^\d of 8 right$/);

  // by keyboard: nothing, a date, and one of those it has never seen
  const typed = page.getByLabel('Any day from 1969 to 2068');
  const reading = page.locator('#reading');
  await typed.fill('');
  await expect(reading).toHaveText('–');
  await typed.fill('24 december 1997');
  await expect(reading).toHaveText(/^[\d-]{10}$/);
  await expect(page.locator('#verdict')).toHaveText(/^(right$|wrong, or)/);
  await page.getByRole('button', { name: /^20\/03\/46, read as/ }).press('Enter');
  await expect(typed).toHaveValue('20/03/46');

  const map = page.locator('#map');
  const cell = page.locator('#map-cell');
  const drawn = () => map.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  await map.focus();
  await map.press('ArrowRight');
  await expect(cell).toHaveText(/^‘[12]’ looks at ‘2’: \d+\.\d %$/);
  await map.press('ArrowRight');
  await expect(cell).toHaveText(/^‘[12]’ looks at ‘0’: \d+\.\d %$/);
  const head = await drawn();
  await page.getByRole('radio', { name: '2', exact: true }).check();
  expect(await drawn()).not.toBe(head);
  await checkLook(page, info, 'dates');
});
