// @ts-check
// Checks what a user's bundle gets from dist/: a CPU-only import carries no shader, nobody gets the build-time reflector,
// and no declaration needs @webgpu/types. Holds the core to its size. (Not with size-limit, which counts chunks on demand.)
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** @type {string[]} */
const problems = [];
/** What a page may have to load before it trains, in kB: kernels and passes of images, loops and attention come when needed. */
const CORE_LIMIT = 60;

for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  if (!/\.(js|d\.ts)$/.test(file)) continue;
  const text = readFileSync(join('dist', file), 'utf8');
  if (/WgslReflect|WgslParser/.test(text)) problems.push(`dist/${file} contains wgsl_reflect`);
  if (file.endsWith('.d.ts') && /@webgpu\/types|\.wgsl['"]/.test(text)) {
    problems.push(`dist/${file} refers to types that a user doesn't have`);
  }
}

/**
 * Bundles an import of these names, minified. Chunks that are only imported on demand (the reference, for checks) don't
 * count. @type {(names: string[]) => Promise<string>}
 */
async function bundle(names) {
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
    .map((file) => file.text)
    .join('\n');
  const [minified, gzipped] = [text.length / 1000, gzipSync(text).length / 1000];
  console.log(
    `import { ${names.join(', ')} }: ${minified.toFixed(1)} kB minified, ${gzipped.toFixed(1)} kB gzipped`,
  );
  if (gzipped > CORE_LIMIT)
    problems.push(
      `expected at most ${CORE_LIMIT} kB gzipped, got ${gzipped.toFixed(1)}: ${names.join(', ')}`,
    );
  return text;
}

const { webgpu } = await import(join(process.cwd(), 'dist/index.js'));
if (webgpu !== undefined) {
  const forWebGpu = await bundle(['webgpu', 'compile', 'grad', 'nn', 'optim']);
  if (/Math\.log1p/.test(forWebGpu)) problems.push('a WebGPU-only import carries the reference');
}
const cpuOnly = await bundle(['cpu', 'compile', 'grad', 'nn', 'optim']);
if (/@compute|@workgroup_size|requestAdapter/.test(cpuOnly))
  problems.push('a CPU-only import carries WebGPU code');

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
