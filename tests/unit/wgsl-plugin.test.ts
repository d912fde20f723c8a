import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reflectBindings, stripWgsl, wgsl } from '../../scripts/vite-plugin-wgsl.ts';

// What a kernel looks like before the composer adds A_ELEMENT, Sizes, TILE, WG_X, WG_Y, load_a and epilogue
const KERNEL = `\
enable f16;
// C = epilogue(A)
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(0) var<storage, read> a: array<A_ELEMENT>;
@group(0) @binding(1) var<uniform> sizes: Sizes;
var<workgroup> tile: array<array<f32, TILE>, TILE>; /* /* nested */ comment */
@compute @workgroup_size(WG_X, WG_Y)
fn main(@builtin(global_invocation_id) id: vec3u) {
  for (var i = 0u; i < sizes.m / TILE; i++) {
    c[i] = epilogue(load_a(i)); // the only store
  }
}
`;

describe('reflectBindings', () => {
  test('reads an incomplete kernel, ordered by binding', () => {
    expect(reflectBindings(KERNEL, 'k.wgsl')).toEqual([
      { binding: 0, name: 'a', kind: 'storage-read' },
      { binding: 1, name: 'sizes', kind: 'uniform' },
      { binding: 2, name: 'c', kind: 'storage-read-write' },
    ]);
  });

  test('takes storage without an access mode as read', () => {
    const source = '@binding(0) @group(0) var<storage> a: array<f32>;';
    expect(reflectBindings(source, 'k.wgsl')).toEqual([{ binding: 0, name: 'a', kind: 'storage-read' }]);
  });

  test('finds no binding in a file of shared functions', () => {
    expect(
      reflectBindings('const HALF = 0.5;\nfn half(x: f32) -> f32 { return HALF * x; }', 'lib.wgsl'),
    ).toEqual([]);
    expect(reflectBindings('// nothing yet\n', 'lib.wgsl')).toEqual([]);
  });

  test.each([
    ['a syntax error', 'fn f() {\n  let x = 1\n}', "k.wgsl: Expected ';' after statement"],
    ['another group', '@group(1) @binding(0) var<storage> a: array<f32>;', '@group(1) @binding(0)'],
    ['a missing group', '@binding(0) var<storage> a: array<f32>;', '@group(undefined) @binding(0)'],
    ['a named binding', '@group(0) @binding(B) var<storage> a: array<f32>;', '@group(0) @binding(B)'],
    ['a texture', '@group(0) @binding(0) var t: texture_2d<f32>;', 'expected var<storage> or var<uniform>'],
    [
      'a binding twice',
      '@group(0) @binding(3) var<storage> a: array<f32>; @group(0) @binding(3) var<storage> b: array<f32>;',
      'k.wgsl: expected one var per binding, got a and b at 3',
    ],
  ])('refuses %s', (_, source, message) => {
    expect(() => reflectBindings(source, 'k.wgsl')).toThrow(message);
  });
});

describe('stripWgsl', () => {
  test('drops comments, indentation and blank lines and keeps the rest', () => {
    expect(stripWgsl(KERNEL)).toBe(`\
enable f16;
@group(0)@binding(2)var<storage,read_write>c:array<f32>;
@group(0)@binding(0)var<storage,read>a:array<A_ELEMENT>;
@group(0)@binding(1)var<uniform>sizes:Sizes;
var<workgroup>tile:array<array<f32,TILE>,TILE>;
@compute @workgroup_size(WG_X,WG_Y)
fn main(@builtin(global_invocation_id)id:vec3u){
for(var i=0u;i<sizes.m/TILE;i++){
c[i]=epilogue(load_a(i));
}
}`);
  });

  test('never joins the tokens around a comment', () => {
    expect(stripWgsl('let/* */x = 6 /* /* */ / */ / 2; // end')).toBe('let x=6  /2;');
    expect(stripWgsl('a - -b + c++ - --d')).toBe('a - -b+c++ - --d');
  });
});

describe('in a build', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wgsl-plugin-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function bundle(name: string, source: string): Promise<string> {
    await writeFile(join(folder, `${name}.wgsl`), source);
    await writeFile(join(folder, `${name}.ts`), `export { default } from './${name}.wgsl';`);
    const result = await build({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      plugins: [wgsl()],
      build: { write: false, minify: false, lib: { entry: `${name}.ts`, formats: ['es'] } },
    });
    const [output] = Array.isArray(result) ? result : [];
    const chunk = output?.output[0];
    if (chunk === undefined) throw new Error('the build gave no chunk');
    return chunk.code;
  }

  test('a shader becomes its name, stripped code and bindings', async () => {
    const code = await bundle(
      'half',
      '@group(0) @binding(0) var<storage, read_write> x: array<f32>; // in place\n',
    );
    const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    expect(module.default).toEqual({
      name: 'half',
      code: '@group(0)@binding(0)var<storage,read_write>x:array<f32>;',
      bindings: [{ binding: 0, name: 'x', kind: 'storage-read-write' }],
    });
  });

  test('a shader with a syntax error fails it, by name', async () => {
    await expect(bundle('broken', 'fn f( { }')).rejects.toThrow(/broken\.wgsl: Expected argument name/);
  });
});
