// @ts-check
// Exits with 0 when Dawn (npm package `webgpu`) gives a device that copies four bytes and gives them back.
// Runs as a process of its own: a driver too old for Dawn may end the process, and Dawn prints warnings.
import { create, globals } from 'webgpu';

const { GPUBufferUsage, GPUMapMode } = /** @type {typeof globalThis} */ (/** @type {unknown} */ (globals));
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (!adapter) process.exit(1);
const device = await adapter.requestDevice();
const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
device.queue.writeBuffer(buffer, 0, Uint32Array.of(10));
await buffer.mapAsync(GPUMapMode.READ);
process.exit(new Uint32Array(buffer.getMappedRange())[0] === 10 ? 0 : 1);
