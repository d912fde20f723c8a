import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../../examples/kit/families.ts';
import { FAMILIES as NAMES } from '../../scripts/example/families.mjs';
import { sourceFiles } from '../../scripts/example/results.mjs';

const script = fileURLToPath(new URL('../../scripts/example.mjs', import.meta.url));

/** Without a GPU driver and a browser: to open a runtime would fail. */
function run(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, VK_ICD_FILENAMES: '/no-such-driver.json', CHROME_PATH: '/no-such-browser' },
  });
  return { status, stdout, stderr };
}

test('the names on the command line are those of the families', () => {
  expect(NAMES).toEqual(FAMILIES);
});

describe('npm run example', () => {
  test('without a name lists the families and opens no runtime', () => {
    expect(run([])).toEqual({ status: 0, stdout: `${FAMILIES.join('\n')}\n`, stderr: '' });
  });

  test.each([[['vea']], [['mlp', 'vea', '--short']], [['--full', 'vea']], [['vea', '--backend', 'cpu']]])(
    '%j: an unknown name is refused with status 2 and the list',
    (args) => {
      expect(run(args)).toEqual({
        status: 2,
        stdout: '',
        stderr: `error: no example is called vea. There are: ${FAMILIES.join(', ')}\n`,
      });
    },
  );

  test.each([
    ['--seed -1', "'-1' is invalid. Expected a whole number from 0 to 4294967295."],
    ['--seed 1.5', "'1.5' is invalid. Expected a whole number from 0 to 4294967295."],
    ['--seed one', "'one' is invalid. Expected a whole number from 0 to 4294967295."],
    ['--seed 4294967296', "'4294967296' is invalid. Expected a whole number from 0 to 4294967295."],
    ['--seed', "option '--seed <number>' argument missing"],
    ['--backend gpu', "'gpu' is invalid. Allowed choices are webgpu, cpu."],
    ['--ful', "unknown option '--ful'"],
  ])('mlp %s is refused with status 2', (args, message) => {
    const { status, stdout, stderr } = run(['mlp', ...args.split(' ')]);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

test('the files of a family are its own and those of the kit that it uses', () => {
  expect(sourceFiles('beta-vae')).toEqual(
    expect.arrayContaining(['examples/beta-vae.ts', 'examples/vae.ts', 'examples/kit/judge.ts']),
  );
  expect(sourceFiles('mlp')).not.toContain('examples/kit/judge.ts');
});
