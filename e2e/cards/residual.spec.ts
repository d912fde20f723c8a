import type { Page } from '@playwright/test';
import { checkLook, openCard, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

/** A norm as it is shown: 0.014 or 2.3·10⁻⁶. */
async function norm(page: Page, of: 'plain' | 'residual' | 'ratio'): Promise<number> {
  const [digits, power] = (await page.locator(`#norm-${of}`).textContent())!.split('·10');
  const plainDigits = (power ?? '⁰').normalize('NFKC').replace('−', '-');
  return Number(digits!.replaceAll(',', '')) * 10 ** Number(plainDigits);
}

test('residual: learns where a plain network does not, whose gradient is lost on its way down', async ({
  page,
}, info) => {
  await openCard(page, 'residual?depth=12&batch=32&lr=0.003');
  await expect(page.locator('#layer')).toHaveText('layer 0');
  expect(await norm(page, 'ratio'), 'residual / plain at the first layer').toBeGreaterThan(1e4);

  // at the last layer both are alike: by mouse, and by keyboard
  const layers = page.getByRole('slider', { name: 'Layer', exact: true });
  const { width } = (await layers.boundingBox())!;
  await layers.click({ position: { x: width - 20, y: 100 } });
  await expect(page.locator('#layer')).toHaveText('layer 12');
  expect(await norm(page, 'plain')).toBeGreaterThan(0.01);
  expect(await norm(page, 'ratio')).toBeLessThan(10);
  await layers.press('Home');
  await layers.press('ArrowRight');
  await expect(page.locator('#layer')).toHaveText('layer 1');
  await expect(layers).toHaveAttribute('aria-valuetext', /^1: plain .*10⁻⁶, residual 0\.\d+$/);

  await trainUntil(page, async () => expect(await value(page, 'residualAccuracy')).toBeGreaterThan(70));
  expect(await value(page, 'plainAccuracy')).toBeLessThan(50);
  expect(await value(page, 'residualLoss')).toBeLessThan(await value(page, 'plainLoss'));
  await checkLook(page, info, 'residual');

  // with few layers the plain network has a gradient, too
  await page.getByLabel('Layers').fill('2');
  await expect(layers).toHaveAttribute('aria-valuemax', '2', { timeout: 20_000 });
  await expect.poll(() => norm(page, 'ratio')).toBeLessThan(100);
});
