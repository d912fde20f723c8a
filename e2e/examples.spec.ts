import { expect, test } from './fixtures.ts';

const EXAMPLES = 'http://127.0.0.1:41732/examples/';

test('the page of examples runs a family, shows its log and offers what it saves', async ({ page }) => {
  test.setTimeout(240_000); // it trains, on a software GPU
  await page.goto(EXAMPLES);
  await page.getByLabel('Family').selectOption('heteroscedastic');
  await expect(page.getByRole('link', { name: 'Source' })).toHaveAttribute('href', 'heteroscedastic.ts?raw');
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByRole('log')).toContainText('holds: error of the mean', { timeout: 200_000 });
  await expect(page.getByRole('log')).toContainText('swiftshader');
  await expect(page.getByRole('link', { name: 'noise.csv' })).toHaveAttribute('download', 'noise.csv');
});
