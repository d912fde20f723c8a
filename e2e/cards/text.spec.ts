import { button, checkLook, checksum, openCard, trainUntil, value } from '../card.ts';
import { expect, test } from '../fixtures.ts';

test('text: learns pairs of letters, goes on from a prompt, and shows what each head looks at', async ({
  page,
}, info) => {
  await openCard(page, 'text?depth=1&hidden=32&heads=2&context=16&lr=0.02');
  const written = page.locator('#written');
  const untrained = await written.textContent();
  // 22.5 by how often each letter occurs, 10.4 by pairs of letters
  await trainUntil(page, async () => expect(await value(page, 'perplexity')).toBeLessThan(15));
  expect(await value(page, 'loss')).toBeLessThan(3.5);

  const prompt = page.getByLabel('You begin, it goes on');
  await prompt.fill('Thou #art '); // no sonnet has a #
  const text = () => written.textContent();
  await expect.poll(() => page.locator('.written').textContent()).toMatch(/^Thou art [^]{111}$/);
  const first = await text();
  expect(first).not.toBe(untrained);
  await button(page, 'Write another').click();
  await expect.poll(text).not.toBe(first);
  // without chance there is only one text
  await page.getByLabel('Temperature').press('Home');
  await expect(page).toHaveURL(/temperature=0(&|$)/);
  await checksum(page); // what came before it has been answered
  const likeliest = await text();
  await button(page, 'Write another').press('Enter');
  await checksum(page);
  expect(await text()).toBe(likeliest);

  const map = page.locator('#map');
  const cell = page.locator('#map-cell');
  const drawn = () => map.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  await map.focus();
  await map.press('ArrowDown');
  await expect(cell).toHaveText('‘↵’ looks at ‘↵’: 100.0 %');
  await map.press('ArrowDown');
  await expect(cell).toHaveText(/^‘T’ looks at ‘↵’: \d+\.\d %$/);
  await map.hover({ position: { x: 60, y: 400 } });
  await expect(cell).toHaveText(/^‘.’ looks at ‘[Tho]’: \d+\.\d %$/);
  const head = await drawn();
  await page.getByRole('radio', { name: '2', exact: true }).check();
  expect(await drawn()).not.toBe(head);
  await checkLook(page, info, 'text-transformer');

  await page.getByLabel('Model', { exact: true }).selectOption('LSTM');
  await expect(page.getByRole('heading', { name: 'What it keeps in mind' })).toBeVisible({ timeout: 20_000 });
  await page.getByRole('radio', { name: 'c', exact: true }).check();
  await map.press('ArrowDown');
  await expect(cell).toHaveText(/^unit \d+ after ‘.’: −?\d\.\d\d$/);
  await page.screenshot({ path: info.outputPath('text-lstm.png'), fullPage: true });
});
