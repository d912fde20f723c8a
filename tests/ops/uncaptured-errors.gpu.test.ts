// Shows that tests/setup-gpu.ts can fail a test.
import { expect, test } from 'vitest';

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter');
  return adapter.requestDevice();
}

// Reading on the host and storage exclude each other
const IMPOSSIBLE = { size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE };

test.fails('an uncaptured error fails the test that caused it, without waiting for it', async () => {
  const device = await requestDevice();
  device.createBuffer(IMPOSSIBLE);
});

test('an error caught by an error scope fails no test', async () => {
  const device = await requestDevice();
  device.pushErrorScope('validation');
  device.createBuffer(IMPOSSIBLE);
  expect(await device.popErrorScope()).toBeInstanceOf(GPUValidationError);
});
