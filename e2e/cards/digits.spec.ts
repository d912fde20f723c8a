import {
  button,
  checkLook,
  checksum,
  longestTasks,
  openCard,
  type Point,
  steps,
  stroke,
  trainUntil,
  value,
} from '../card.ts';
import { expect, test } from '../fixtures.ts';

/** Of the page while a worker trains, as a median. In the page itself, compiling and testing would take seconds at once. */
const LONGEST_TASK_MS = 100;

/** Pen paths in shares of the pad, as a hand draws them: none is straight, none is centred. */
const SEVEN: readonly Point[] = [
  [0.26, 0.24],
  [0.4, 0.23],
  [0.56, 0.235],
  [0.7, 0.22],
  [0.66, 0.34],
  [0.58, 0.5],
  [0.5, 0.66],
  [0.45, 0.82],
];
const ZERO: readonly Point[] = Array.from({ length: 25 }, (_, i): Point => {
  const angle = -Math.PI / 2 - (i / 24) * 2 * Math.PI;
  return [0.5 + 0.2 * Math.cos(angle) + 0.02 * Math.sin(2 * angle), 0.5 + 0.31 * Math.sin(angle)];
});

test('digits: learns to read, stands still while paused, and reads two drawn digits', async ({
  page,
}, info) => {
  test.setTimeout(180_000);
  await openCard(page, 'digits?channels=4&batch=32&lr=0.005');
  await expect(page.locator('#adapter-name')).not.toBeEmpty();
  const untrained = await checksum(page);

  await trainUntil(page, async () => expect(await steps(page)).toBeGreaterThan(2));
  const paused = await checksum(page);
  const pausedAt = await steps(page);
  await page.waitForTimeout(500);
  expect(await checksum(page), 'parameters while paused').toBe(paused);
  expect(await steps(page)).toBe(pausedAt);
  await button(page, 'Step').press('Enter');
  await expect.poll(() => steps(page)).toBe(pausedAt + 1);
  expect(await checksum(page), 'parameters after a step').not.toBe(paused);

  await button(page, 'Resume').click();
  const longest = await longestTasks(page);
  info.annotations.push({ type: 'longest main-thread tasks', description: `${longest.join(', ')} ms` });
  expect(longest.sort((a, b) => a - b)[2], 'median of the longest tasks, ms').toBeLessThanOrEqual(
    LONGEST_TASK_MS,
  );
  await button(page, 'Pause').click();

  await trainUntil(page, async () => expect(await value(page, 'accuracy')).toBeGreaterThanOrEqual(88));
  await expect(page.locator('#test')).toBeEmpty();
  await button(page, 'Test all 10,000').click();
  const tested = page.locator('#test');
  // ten thousand digits in turns with the other page that is tested
  await expect(tested).toHaveText(/^\d+\.\d\d % of all right after [\d,]+ steps$/, { timeout: 60_000 });
  expect(Number.parseFloat((await tested.textContent())!)).toBeGreaterThanOrEqual(80);
  await stroke(page, '#pad', ZERO);
  await expect(page.locator('#digit')).toHaveText('0', { timeout: 10_000 });
  await button(page, 'Clear').click();
  await expect(page.locator('#digit')).toHaveText('–');
  await stroke(page, '#pad', SEVEN);
  await expect(page.locator('#digit')).toHaveText('7', { timeout: 10_000 });

  await expect(page.locator('.maps canvas')).toHaveCount(4);
  const sample = page.locator('#samples button').first();
  await expect(sample).toHaveAccessibleName(/^A 7, read as \d/);
  await sample.press('Enter');
  await expect(sample).toHaveAttribute('aria-pressed', 'true');
  await checkLook(page, info, 'digits');

  await button(page, 'Reset').click();
  await expect(button(page, 'Play')).toBeEnabled({ timeout: 20_000 });
  expect(await steps(page)).toBe(0);
  expect(await checksum(page), 'parameters after a reset').toBe(untrained);

  // an MLP reads too, and has no filters to look at
  await expect(tested).toBeEmpty();
  await page.getByRole('radio', { name: 'MLP' }).check();
  await expect(page).toHaveURL(/network=mlp/);
  await expect(page.locator('#parameters')).toHaveText('50,890', { timeout: 20_000 });
  await expect(page.locator('.maps')).toBeHidden();
  await trainUntil(page, async () => expect(await value(page, 'accuracy')).toBeGreaterThanOrEqual(80));
});
