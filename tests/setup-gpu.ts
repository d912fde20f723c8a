// Fails a test during which WebGPU reported an error that no error scope caught or had anything to say about a shader,
// and fails (never skips) the whole file on a machine without a WebGPU adapter.
import { afterEach, beforeAll, expect } from 'vitest';

const devices = new Set<GPUDevice>();
const uncaptured: string[] = [];

const requestDevice = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  const device = await requestDevice.call(this, descriptor);
  device.addEventListener('uncapturederror', ({ error }) => {
    uncaptured.push(`${error.constructor.name}: ${error.message}`);
  });
  devices.add(device);
  void device.lost.then(() => devices.delete(device));
  return device;
};

interface Compiled {
  readonly label: string;
  readonly code: string;
  readonly messages: Promise<readonly GPUCompilationMessage[]>;
}
let compiled: Compiled[] = [];

const createShaderModule = GPUDevice.prototype.createShaderModule;
GPUDevice.prototype.createShaderModule = function (descriptor) {
  const module = createShaderModule.call(this, descriptor);
  const lost = this.lost.then(() => []); // a lost device may never answer
  const messages = module.getCompilationInfo().then(
    (info) => [...info.messages],
    () => lost,
  );
  compiled.push({
    label: descriptor.label ?? '',
    code: descriptor.code,
    messages: Promise.race([messages, lost]),
  });
  return module;
};

beforeAll(async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter: these tests need one (see scripts/find-browser.mjs)');
});

afterEach(async () => {
  await Promise.all([...devices].map(errorsReported));
  const errors = uncaptured.splice(0);
  expect(errors, 'uncaptured WebGPU errors').toEqual([]);
});

// Warnings too: with every set of constants that the tests meet, a shader compiles without a word.
afterEach(async () => {
  const modules = compiled;
  compiled = [];
  const said = await Promise.all(
    modules.map(async ({ label, code, messages }) =>
      (await messages).map(
        ({ type, lineNum, message }) =>
          `${type} in ${label}, line ${lineNum}: ${message}\n${code.split('\n')[lineNum - 1] ?? ''}`,
      ),
    ),
  );
  expect(said.flat(), 'messages about shaders').toEqual([]);
});

/** Waits until the device has reported all errors of earlier calls: an error scope's answer comes after them. */
async function errorsReported(device: GPUDevice): Promise<void> {
  device.pushErrorScope('validation');
  await device.popErrorScope().catch(() => null); // a lost device rejects, and reports nothing more
}
