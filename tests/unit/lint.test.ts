import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Lints these files, with the project's own rules, in a folder of their own. */
function lint(files: Record<string, string>): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lint-'));
  try {
    writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "strict": true } }');
    for (const [name, source] of Object.entries(files)) writeFileSync(join(folder, name), source);
    const { status, stdout } = spawnSync(
      process.execPath,
      [resolve('node_modules/oxlint/bin/oxlint'), '--type-aware', '-c', resolve('.oxlintrc.json'), '.'],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}` },
      },
    );
    return { status, output: stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('clean code passes the lint', () => {
  expect(lint({ 'a.ts': 'export const one = 1;\n' }).status).toBe(0);
});

test('a planted promise that nobody awaits fails the lint', () => {
  const { status, output } = lint({
    'a.ts': 'async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n',
  });
  expect(output).toContain('no-floating-promises');
  expect(status).toBe(1);
});

test('a planted import cycle fails the lint', () => {
  const { status, output } = lint({
    'a.ts': `import { b } from './b.ts';\nexport const a = (): number => b();\n`,
    'b.ts': `import { a } from './a.ts';\nexport const b = (): number => a();\n`,
  });
  expect(output).toContain('no-cycle');
  expect(status).toBe(1);
});
