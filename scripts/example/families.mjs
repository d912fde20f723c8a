// @ts-check
// The names of the examples, without the library or anything to run them with.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `vae` for `examples/vae.ts`, in alphabetical order, as `examples/kit/families.ts` has them. */
export const FAMILIES = readdirSync(join(ROOT, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
