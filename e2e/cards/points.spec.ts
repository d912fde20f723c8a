import { readFile } from 'node:fs/promises';
import { decodeSafetensors } from '../../src/data/index.ts';
import { button, checkLook, checksum, openCard, pixel, steps, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

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

  // larger batches take more memory, from the next step on
  const memory = page.locator('#memory');
  const before = Number.parseFloat((await memory.textContent())!);
  await page.getByLabel('Batch').press('End');
  await button(page, 'Step').click();
  await expect
    .poll(async () => Number.parseFloat((await memory.textContent())!))
    .toBeGreaterThan(1.2 * before);

  // another network is built; training goes on with it
  await button(page, 'Resume').click();
  await page.getByLabel('Hidden layers').press('ArrowRight');
  await expect(page.locator('#parameters')).toHaveText('898', { timeout: 20_000 });
  await expect(page.getByText('The GPU went away')).toBeHidden();
  await expect.poll(() => steps(page), { timeout: 20_000 }).toBeGreaterThan(5);
});
