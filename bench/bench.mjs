#!/usr/bin/env node
// @ts-check
// Measures training steps of this library and its peers side by side. See README.md, or --help.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';
import { launchBrowser } from './lib/browser.mjs';
import { measureWorkload } from './lib/measure.mjs';
import { parseOptions } from './lib/options.mjs';
import { failures, report } from './lib/report.mjs';

const options = parseOptions(process.argv.slice(2));
const log = (/** @type {string} */ message) => process.stderr.write(`${message}\n`);

const configFile = fileURLToPath(new URL('vite.config.ts', import.meta.url));
await build({ configFile, logLevel: 'warn' });
const server = await preview({ configFile, logLevel: 'warn' });
const base = server.resolvedUrls?.local[0];
const browser = await launchBrowser();

/** @type {Record<string, any>} */
const results = {
  date: new Date().toISOString(),
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    browser: browser.version,
  },
  options,
  libs: {},
  limits: null,
  workloads: {},
};

try {
  const pages = [];
  for (const library of options.libs) {
    try {
      const page = await browser.open(library, `${base}?lib=${library}`);
      results['libs'][library] = await page.call('init');
      pages.push(page);
    } catch (error) {
      results['libs'][library] = {
        error: error instanceof Error ? error.message.split('\n')[0] : String(error),
      };
    }
    log(`${library}: ${JSON.stringify(results['libs'][library])}`);
  }
  if (options.limits) {
    const page = await browser.open('limits', `${base}?lib=limits`);
    results['limits'] = await page.call('limits');
    await page.close();
    save();
  }
  for (const workload of options.workloads) {
    const measured = await measureWorkload(workload, pages, browser.pid, options);
    results['workloads'][workload] = measured;
    save();
    const summary = Object.entries(measured.libs).map(
      ([library, row]) =>
        `${library} ${row['step'] ? `${row['step'].median.toFixed(2)} ms` : (row['error'] ?? row['missing'])}`,
    );
    log(`${workload}: ${summary.join(', ')}`);
  }
} finally {
  await browser.close();
  await server.close();
}

console.log(report(results));
const failed = failures(results);
for (const line of failed) console.error(`FAILED ${line}`);
process.exit(failed.length > 0 ? 1 : 0);

function save() {
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, JSON.stringify(results, null, 1));
}
