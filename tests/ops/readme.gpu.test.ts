import { expect, test } from 'vitest';
import { runReadmeExample } from '../readme-example.ts';

test('the training example of the README runs as written, and gives the same bits each time', async () => {
  const logged = (await runReadmeExample('webgpu')) as [step: number, loss: number][];
  expect(logged.map(([step]) => step)).toEqual([0, 100, 200, 300, 400]);
  expect(logged.at(-1)![1]).toBeLessThan(0.05);
  expect(await runReadmeExample('webgpu')).toEqual(logged);
}, 30_000);
