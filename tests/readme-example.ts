import * as chainrule from '../src/index.ts';
import readme from '../README.md?raw';

type RunBody = (library: object, console: { log: (...values: unknown[]) => void }) => Promise<void>;
/** The constructor of async functions: the example awaits at its top level. */
const AsyncFunction = (async () => {}).constructor as new (...parametersAndBody: string[]) => RunBody;

/** The text of the training example in README.md: its first `js` block. */
export function readmeExample(): string {
  const code = /```js\n(.*?)```/s.exec(readme)?.[1];
  if (code === undefined) throw new Error('README.md: expected a js block, got none');
  return code;
}

/**
 * Run the example. Its import is replaced by the same names of the library's source, and nothing else, but for
 * `backend` 'cpu': then `webgpu` means `cpu`.
 *
 * @returns what it logged, one array of values per call
 */
export async function runReadmeExample(backend: 'cpu' | 'webgpu'): Promise<unknown[][]> {
  const body = readmeExample().replace(/^import (\{.*\}) from 'chainrule';$/m, 'const $1 = library;');
  const library = backend === 'cpu' ? { ...chainrule, webgpu: chainrule.cpu } : chainrule;
  const logged: unknown[][] = [];
  await new AsyncFunction('library', 'console', body)(library, { log: (...values) => logged.push(values) });
  return logged;
}
