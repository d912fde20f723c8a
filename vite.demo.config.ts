// The demo pages: run with `demo` as Vite's root (see the scripts `demo` and `build:demo`).
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { LIBRARY_BY_NAME, wgsl } from './scripts/vite-plugin-wgsl.ts';

const repository = fileURLToPath(new URL('.', import.meta.url));
const demo = `${repository}demo/`;
const pages = existsSync(demo) ? readdirSync(demo).filter((file) => file.endsWith('.html')) : [];

export default defineConfig({
  base: './', // works from any folder of a static host
  plugins: [wgsl()],
  resolve: { alias: [LIBRARY_BY_NAME] },
  server: { fs: { allow: [repository] } },
  build: {
    target: 'es2023',
    outDir: `${repository}demo-dist`,
    emptyOutDir: true,
    rolldownOptions: { input: pages.map((page) => demo + page), external: ['webgpu', /^node:/] },
  },
});
