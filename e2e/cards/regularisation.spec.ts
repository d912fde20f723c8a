import type { Page } from '@playwright/test';
import { checkLook, inkOf, openCard, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

/** A row of the table: shares right of learned and held-out points, norm, share near 0. */
async function outcome(page: Page, method: string) {
  const cells = await page.getByRole('row', { name: method }).getByRole('cell').allTextContents();
  const [learned, heldOut, norm, nearZero] = cells.map((text) => Number.parseFloat(text));
  return { learned: learned!, heldOut: heldOut!, norm: norm!, nearZero: nearZero! };
}

test('regularisation: without any, a network learns by heart; penalties shrink weights', async ({
  page,
}, info) => {
  await openCard(page, 'regularisation?lr=0.02&samples=40');
  await trainUntil(page, async () => {
    expect(await value(page, 'none')).toBeGreaterThan(2 * (await value(page, 'earlyStopping')));
    expect(await value(page, 'none')).toBeGreaterThan(1.5 * (await value(page, 'l1')));
    expect((await outcome(page, 'none')).learned).toBeGreaterThanOrEqual(95);
  });
  const [none, l1, l2] = [
    await outcome(page, 'none'),
    await outcome(page, 'ℓ¹ penalty'),
    await outcome(page, 'ℓ² penalty'),
  ];
  expect(none.heldOut).toBeLessThan(none.learned);
  expect(l1.nearZero).toBeGreaterThan(none.nearZero + 40);
  expect(l2.norm).toBeLessThan(none.norm / 1.5);

  // the pictures show the points that it learned, and others
  const picture = page.locator('figure', { hasText: 'none' });
  await expect(picture).toContainText(`${none.learned} %`);
  const learned = await inkOf(page, '#decides-none');
  await page.getByRole('radio', { name: 'Held out' }).check();
  await expect(picture).toContainText(`${none.heldOut} %`);
  const heldOut = await inkOf(page, '#decides-none');
  expect(heldOut.filter((ink, i) => Math.abs(ink - learned[i]!) > 50).length).toBeGreaterThan(20);
  await checkLook(page, info, 'regularisation');

  // a stronger penalty applies at once
  await page.getByLabel('Penalty λ').press('End');
  await expect(page).toHaveURL(/lambda=0\.1/);
  await trainUntil(page, async () =>
    expect((await outcome(page, 'ℓ² penalty')).norm).toBeLessThan(l2.norm / 1.25),
  );
});
