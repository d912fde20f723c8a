import type { Page } from '@playwright/test';
import { BUILT, button, checkLook, openCard, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

/** The numbers on a neuron, such as { z: 0.52, h: 0.48 }. */
async function numbers(page: Page, name: string): Promise<Record<string, number>> {
  const label = await page.getByRole('button', { name: new RegExp(`^${name}:`) }).getAttribute('aria-label');
  const pairs = label!.slice(name.length + 2).split(', ');
  return Object.fromEntries(
    pairs.map((pair) => [pair.split(' ')[0]!, Number(pair.split(' ')[1]!.replace('−', '-'))]),
  );
}

test('backpropagation: follows an example forward and back, makes the update shown, and learns XOR', async ({
  page,
}, info) => {
  await openCard(page, 'backpropagation');
  const [part, title, worked] = ['#part', '#part-title', '#worked'].map((id) => page.locator(id));
  await expect(part!).toHaveText('1 of 10');
  await page.getByRole('radio', { name: '0 1 → 1' }).check();
  await expect(page.getByRole('button', { name: 'Input 2: x₂ 1' })).toBeVisible();

  // forward, by mouse and keyboard
  await button(page, 'Next').click();
  await page.getByRole('button', { name: 'Layer 1, neuron 2' }).press('Enter');
  await expect(title!).toHaveText('Forward, layer 1, neuron 2');
  const { z, h } = await numbers(page, 'Layer 1, neuron 2');
  expect(Math.abs(Math.tanh(z!) - h!), 'tanh z − h').toBeLessThan(0.011);
  await expect(worked!).toContainText(`h = tanh(z) = ${h!.toFixed(2).replace('-', '−')}`);
  await page.keyboard.press('ArrowRight');
  await expect(title!).toHaveText('Forward, layer 2, neuron 1');

  // the loss, and back: δ = h − t at the output
  await page.getByRole('button', { name: 'Error of the output' }).click();
  await expect(page.locator('[aria-current=step]')).toHaveAccessibleName('Error of the output');
  const output = await numbers(page, 'Layer 3, neuron 1');
  expect(Object.keys(output)).toEqual(['z', 'h', 't', 'L', 'δ']);
  expect(Math.abs(output['h']! - 1 - output['δ']!), 'h − t − δ').toBeLessThan(0.006);
  expect(Math.abs(-Math.log(output['h']!) - output['L']!), 'L').toBeLessThan(0.011);
  await page.getByRole('button', { name: 'Layer 1, neuron 3' }).click();
  await expect(title!).toHaveText('Backward, layer 1, neuron 3');
  await expect(worked!).toContainText('σ′(z) = ');

  // the step makes the update that is shown, with the rate that is set
  await page.getByRole('button', { name: 'Update', exact: true }).click();
  await expect(part!).toHaveText('10 of 10');
  await expect(button(page, 'Next')).toBeDisabled();
  await expect(worked!).toContainText(' − 0.32 · ');
  await page.getByLabel('Learning rate').press('ArrowRight');
  await expect(worked!).toContainText(' − 0.35 · ');
  const weight = page.locator('[data-weight="3 w₁₁"]');
  const [before, after] = await weight.locator('text').allTextContents();
  expect(after).not.toBe(before);
  await button(page, 'Step').click();
  await expect(weight.locator('text').first()).toHaveText(after!);
  await expect(page.getByRole('radio', { name: '1 0 → 1' })).toBeChecked();

  await page.getByRole('button', { name: 'Gradients', exact: true }).click();
  await trainUntil(page, async () => {
    expect(await value(page, 'p01')).toBeGreaterThanOrEqual(90);
    expect(await value(page, 'p11')).toBeLessThanOrEqual(10);
  });
  await checkLook(page, info, 'backpropagation');

  await page.goto(`${BUILT}#/backpropagation?backend=cpu&lr=0.5`);
  await expect(page.locator('#adapter-name')).toHaveText('CPU, without WebGPU');
  await trainUntil(page, async () => expect(await value(page, 'p00')).toBeLessThanOrEqual(30));
});
