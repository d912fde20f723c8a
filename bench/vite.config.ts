import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { wgsl } from '../scripts/vite-plugin-wgsl.ts';

// cross-origin isolation makes performance.now() count in 5 µs instead of 100
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** The benchmark's page, built as an application of this repository's sources. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [wgsl()],
  define: { 'process.env.NODE_ENV': '"production"' },
  build: { target: 'es2023', outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 4000 },
  preview: { host: '127.0.0.1', headers: ISOLATED },
});
