import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { layeringViolations } from './layering.ts';

const REPOSITORY = new URL('../../', import.meta.url);

test('src keeps the folder order, has no import cycle and names GPU types in webgpu only', () => {
  const files = readdirSync(new URL('src', REPOSITORY), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${file.replaceAll('\\', '/')}`);
  expect(files.length).toBeGreaterThan(0);
  const sources = new Map(files.map((file) => [file, readFileSync(new URL(file, REPOSITORY), 'utf8')]));
  expect(layeringViolations(sources)).toEqual([]);
});

describe('a planted fault is found', () => {
  const planted = (files: Record<string, string>) => layeringViolations(new Map(Object.entries(files)));

  test.each([
    ['import', `import { add } from '../ops/index.ts';`, 'src/ops/index.ts'],
    ['type import', `import type { Tensor } from '../ops/add.ts';`, 'src/ops/add.ts'],
    ['re-export', `export * from '../nn/index.ts';`, 'src/nn/index.ts'],
    ['dynamic import', `await import('../cpu/index.ts');`, 'src/cpu/index.ts'],
    ['import in a type', `let x: import('../plan/plan.ts').Plan;`, 'src/plan/plan.ts'],
    ['import of the public entry', `import { add } from '../index.ts';`, 'src/index.ts'],
    ['import of a shader', `import add from '../../shaders/add.wgsl';`, 'shaders/add.wgsl'],
    ['import out of src', `import { sample } from '../../tests/op-cases.ts';`, 'tests/op-cases.ts'],
    ['package', `import uPlot from 'uplot';`, 'uplot'],
  ])('%s in graph', (_, source, target) => {
    expect(planted({ 'src/graph/tensor.ts': source })).toEqual([`src/graph/tensor.ts imports ${target}`]);
  });

  test('a folder missing from the table', () => {
    const source = `import { add } from '../ops/index.ts';`;
    expect(planted({ 'src/extra/new.ts': source })).toEqual(['src/extra/new.ts imports src/ops/index.ts']);
  });

  test('a GPU type outside webgpu, but not in a comment', () => {
    expect(planted({ 'src/plan/plan.ts': 'export type Slot = { buffer: GPUBuffer };' })).toEqual([
      'src/plan/plan.ts names GPUBuffer',
    ]);
    expect(planted({ 'src/plan/plan.ts': '/** Becomes a GPUBuffer later. */' })).toEqual([]);
  });

  test('an import cycle', () => {
    const files = {
      'src/ops/a.ts': `import './b.ts';`,
      'src/ops/b.ts': `import './c.ts';`,
      'src/ops/c.ts': `export * from './a.ts';`,
    };
    expect(planted({ ...files, 'src/ops/c.ts': `import type { A } from './a.ts';` })).toEqual([]);
    expect(planted(files)).toEqual(['cycle: src/ops/a.ts -> src/ops/b.ts -> src/ops/c.ts -> src/ops/a.ts']);
  });
});

test('what the table allows is no violation', () => {
  const allowed = {
    'src/graph/tensor.ts': `import type { Shape } from './shape.ts';`,
    'src/graph/shape.ts': '',
    'src/webgpu/kernels.ts': `import add from '../../shaders/add.wgsl'; let d: GPUDevice; import('webgpu');`,
    'src/index.ts': `export * from './webgpu/kernels.ts'; export * from './graph/tensor.ts';`,
  };
  expect(layeringViolations(new Map(Object.entries(allowed)))).toEqual([]);
});
