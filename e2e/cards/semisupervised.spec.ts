import { button, checkLook, openCard, type Point, stroke, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

const ONE: readonly Point[] = [
  [0.54, 0.15],
  [0.51, 0.5],
  [0.48, 0.85],
];

test('semisupervised: auto-encodes, then classifies pixels and codes, more accurately with more labels', async ({
  page,
}, info) => {
  await openCard(page, 'semisupervised?pretraining=128&hidden=128&lr=0.005');
  const accuracies = page.locator('#accuracies td');
  const percentages = async () => (await accuracies.allTextContents()).map(Number.parseFloat);
  await expect(page.locator('#classifier-steps')).toHaveText('waits for the code');
  await expect(accuracies.first()).toHaveText('–');

  await trainUntil(page, async () => expect(await value(page, 'code100')).toBeGreaterThan(60));
  await expect(page.locator('#autoencoder-steps')).toHaveText('step 128 of 128');
  expect(await value(page, 'reconstruction')).toBeLessThan(0.3);
  const shown = await percentages();
  // that the code is worth more than pixels takes longer: examples/semisupervised.ts tests it
  expect(shown[5], 'in the table').toBe(await value(page, 'code100'));
  expect(shown[3]!, 'of pixels, with 1,000 labels').toBeGreaterThan(shown[0]!);
  expect(shown[7]!, 'of codes, with 1,000 labels').toBeGreaterThan(shown[4]!);

  // all eight read what is drawn
  const readings = page.locator('#readings td');
  await expect(readings).toHaveText(Array.from({ length: 8 }, () => '–'));
  await stroke(page, '#pad', ONE);
  await expect(readings).toHaveText(Array.from({ length: 8 }, () => /^\d$/));
  await expect(readings.last()).toHaveText('1');
  await checkLook(page, info, 'semisupervised');

  // by keyboard: a held-out digit instead
  await page.locator('#pairs button').nth(5).press('Enter');
  await expect(button(page, 'Clear')).toBeDisabled();
  await expect(readings.last()).not.toHaveText('1'); // it is a 0
});
