// Fails a test during which WebGPU reported an error that no error scope caught, and fails (never skips) the whole file
// on a machine without a WebGPU adapter.
import { afterEach, beforeAll, expect } from 'vitest';

const uncaptured: string[] = [];

// oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
const requestDevice = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  const device = await requestDevice.call(this, descriptor);
  device.addEventListener('uncapturederror', ({ error }) => {
    uncaptured.push(`${error.constructor.name}: ${error.message}`);
  });
  return device;
};

beforeAll(async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter: these tests need one (see scripts/find-browser.mjs)');
});

afterEach(() => {
  const errors = uncaptured.splice(0);
  expect(errors, 'uncaptured WebGPU errors').toEqual([]);
});
