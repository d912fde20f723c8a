import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as chainrule from '../../src/index.ts';
import { readmeExample, runReadmeExample } from '../readme-example.ts';

const readme = readFileSync('README.md', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

test('the training example of the README learns XOR on the reference device', async () => {
  const logged = (await runReadmeExample('cpu')) as [step: number, loss: number][];
  expect(logged.map(([step]) => step)).toEqual([0, 100, 200, 300, 400]);
  expect(logged[0]![1]).toBeGreaterThan(0.5);
  expect(logged.at(-1)![1]).toBeLessThan(0.05);
});

test('the training example of the README has at most 15 lines', () => {
  expect(
    readmeExample()
      .split('\n')
      .filter((line) => line.trim()).length,
  ).toBeLessThanOrEqual(15);
});

test('the commands of the README are the scripts of package.json', () => {
  const table = [...readme.matchAll(/^\| `npm (?:run )?([\w:-]+)` \|/gm)].map(([, name]) => name!);
  // npm runs these by itself, before others
  const hooks = Object.keys(scripts).filter((name) => /^(pre|post)/.test(name));
  expect(table.sort()).toEqual(
    Object.keys(scripts)
      .filter((name) => !hooks.includes(name))
      .sort(),
  );
});

const NAMESPACES = {
  nn: chainrule.nn,
  optim: chainrule.optim,
  data: chainrule.data,
  distributions: chainrule.distributions,
  metrics: chainrule.metrics,
  analysis: chainrule.analysis,
};

/** First and last column of the API map. */
const apiMap = [...readme.matchAll(/^\| (`.+?) \|.+\| (`src\/.+) \|$/gm)].map(
  ([, names, files]) => [names!, files!] as const,
);
const codeIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);

test.each(apiMap)('the API map names exports and their file: %s', (names, files) => {
  const texts = codeIn(files).map(
    (file) => (expect(existsSync(file), file).toBe(true), readFileSync(file, 'utf8')),
  );
  let namespace: object = chainrule;
  for (const name of codeIn(names)) {
    const [space, inSpace] = name.includes('.') ? name.split('.', 2) : [undefined, name];
    if (space !== undefined) namespace = NAMESPACES[space as keyof typeof NAMESPACES];
    if (inSpace === 'init') continue; // `nn.init.*`
    expect(Object.keys(namespace), name).toContain(inSpace);
    expect(
      texts.some((text) => new RegExp(`export .*\\b${inSpace}\\b`).test(text)),
      `${name} in ${files}`,
    ).toBe(true);
  }
});

test('the API map names every exported function, and every one of the namespaces', () => {
  const named = new Set(apiMap.flatMap(([names]) => codeIn(names).map((name) => name.split('.').at(-1)!)));
  const { nn, optim, data, distributions, metrics, analysis, ...top } = chainrule;
  const functions = [top, optim, data, distributions, metrics, analysis].flatMap((space) =>
    Object.entries(space).flatMap(([name, value]) =>
      typeof value === 'function' && !name.endsWith('Error') ? [name] : [],
    ),
  );
  const losses = Object.entries(nn).flatMap(([name, value]) =>
    typeof value === 'function' && /^[a-z]/.test(name) ? [name] : [],
  );
  expect([...functions, ...losses].filter((name) => !named.has(name))).toEqual(['Optimizer']);
});

test.each(['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/design.md', 'docs/differentiation.md'])(
  'the files that %s names exist',
  (file) => {
    const text = readFileSync(file, 'utf8');
    const paths = codeIn(text).filter((code) =>
      /^(src|shaders|scripts|tests|e2e|demo|bench|docs)\/[\w./-]+$/.test(code),
    );
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link!);
    const folder = file.includes('/') ? 'docs/' : '';
    expect(links.filter((link) => !existsSync(folder + link))).toEqual([]);
  },
);
