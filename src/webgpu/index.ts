export { webgpu, WebGpuDevice, type AdapterInfo, type WebGpuOptions } from './device.ts';
