// @ts-check
// Checks what a user's bundle gets from dist/: a CPU-only import carries no shader, nobody gets the build-time reflector,
// and no declaration needs @webgpu/types. Writes what an import loads at once to test-results/, for size-limit to hold: by itself
// that would count chunks on demand, too.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

/** @type {string[]} */
const problems = [];

for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  if (!/\.(js|d\.ts)$/.test(file)) continue;
  const text = readFileSync(join('dist', file), 'utf8');
  if (/WgslReflect|WgslParser/.test(text)) problems.push(`dist/${file} contains wgsl_reflect`);
  if (file.endsWith('.d.ts') && /@webgpu\/types|\.wgsl['"]/.test(text)) {
    problems.push(`dist/${file} refers to types that a user doesn't have`);
  }
}

/**
 * Bundles an import of these names, minified, without the chunks that are only imported on demand: kernels and passes of
 * images, loops and attention, and the reference, for checks. @type {(file: string, names: string[]) => Promise<string>}
 */
async function bundle(file, names) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export { ${names.join(', ')} } from './dist/index.js'`, resolveDir: '.' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    outdir: 'bundle',
    external: ['webgpu', 'node:*'],
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const loaded = new Set(['bundle/stdin.js']);
  for (const chunk of loaded)
    for (const { path, kind, external } of metafile.outputs[chunk]?.imports ?? [])
      if (kind === 'import-statement' && !external) loaded.add(path);
  const text = outputFiles
    .filter(({ path }) => loaded.has(relative('.', path).replaceAll('\\', '/')))
    .map(({ text: chunk }) => chunk)
    .join('\n');
  mkdirSync('test-results', { recursive: true });
  writeFileSync(join('test-results', file), text);
  return text;
}

const { webgpu } = await import(join(process.cwd(), 'dist/index.js'));
if (webgpu !== undefined) {
  const forWebGpu = await bundle('core.js', ['webgpu', 'compile', 'grad', 'nn', 'optim']);
  if (/Math\.log1p/.test(forWebGpu)) problems.push('a WebGPU-only import carries the reference');
}
const cpuOnly = await bundle('core-cpu.js', ['cpu', 'compile', 'grad', 'nn', 'optim']);
if (/@compute|@workgroup_size|requestAdapter/.test(cpuOnly))
  problems.push('a CPU-only import carries WebGPU code');

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
