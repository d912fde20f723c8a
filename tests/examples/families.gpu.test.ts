// Every example in its short form: it runs on WebGPU, what it claims holds, and what it saves can be read.
// All of them together may take little more than three minutes on two cores without a GPU.
import { decode } from 'fast-png';
import { expect, test } from 'vitest';
import { FAMILIES, runFamily } from '../../examples/kit/families.ts';

/** Generous: other test files run beside this one. */
const TIMEOUT_MS = 90_000;

test('there are examples', () => expect(FAMILIES).toContain('mlp'));

test.each(FAMILIES)('%s', { timeout: TIMEOUT_MS }, async (family) => {
  const lines: string[] = [];
  const { claims, figures } = await runFamily(family, {
    backend: 'webgpu',
    seed: 0,
    short: true,
    log: (line) => void lines.push(line),
    async save(name, content) {
      expect(content.length, name).toBeGreaterThan(0);
      if (name.endsWith('.png')) expect(decode(content as Uint8Array).width, name).toBeGreaterThan(0);
    },
  });
  expect(Object.values(figures).every(Number.isFinite), JSON.stringify(figures)).toBe(true);
  expect(claims.length).toBeGreaterThan(0);
  expect(
    claims.filter(({ holds }) => !holds).map(({ text }) => text),
    lines.join('\n'),
  ).toEqual([]);
});
