// Fails a test during which WebGPU reported an error that no error scope caught, and fails (never skips) the whole file
// on a machine without a WebGPU adapter.
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

beforeAll(async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter: these tests need one (see scripts/find-browser.mjs)');
});

afterEach(async () => {
  await Promise.all([...devices].map(errorsReported));
  const errors = uncaptured.splice(0);
  expect(errors, 'uncaptured WebGPU errors').toEqual([]);
});

/** Waits until the device has reported all errors of earlier calls: an error scope's answer comes after them. */
async function errorsReported(device: GPUDevice): Promise<void> {
  device.pushErrorScope('validation');
  await device.popErrorScope().catch(() => null); // a lost device rejects, and reports nothing more
}
