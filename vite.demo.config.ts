// The demo pages: run with `demo` as Vite's root (see the scripts `demo` and `build:demo`).
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { equations } from './demo/katex-plugin.ts';
import { mnist } from './demo/mnist-plugin.ts';
import { offline } from './demo/offline-plugin.ts';
import { sonnets } from './demo/sonnets-plugin.ts';
import { LIBRARY_BY_NAME, wgsl } from './scripts/vite-plugin-wgsl.ts';

const repository = fileURLToPath(new URL('.', import.meta.url));
const demo = `${repository}demo/`;
const pages = existsSync(demo) ? readdirSync(demo).filter((file) => file.endsWith('.html')) : [];

export default defineConfig({
  cacheDir: `${repository}node_modules/.vite-demo`, // tests of the library have another set of dependencies
  optimizeDeps: { include: ['uplot'] },
  base: './', // works from any folder of a static host
  plugins: [wgsl(), equations(), mnist(), sonnets(), offline()],
  worker: {
    format: 'es',
    plugins: () => [wgsl()],
    rolldownOptions: {
      external: ['webgpu', /^node:/],
    },
  },
  resolve: { alias: [LIBRARY_BY_NAME] },
  server: { fs: { allow: [repository] } },
  build: {
    target: 'es2023',
    outDir: `${repository}demo-dist`,
    emptyOutDir: true,
    rolldownOptions: { input: pages.map((page) => demo + page), external: ['webgpu', /^node:/] },
  },
});
