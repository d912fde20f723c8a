import type { Composed } from './compose.ts';
import type { WebGpuDevice } from './device.ts';
import { BufferUsage } from './usage.ts';

/** The uniforms of some kernels in one buffer. */
export interface Sizes {
  readonly contents: ArrayBuffer;
  /** Where a kernel's words begin. */
  readonly offsets: ReadonlyMap<readonly number[], number>;
}

/** The same on the GPU. */
export interface Uniforms {
  readonly buffer: GPUBuffer;
  readonly offsets: Sizes['offsets'];
}

/** Bytes that a uniform of these words binds. */
export const uniformBytes = (words: readonly number[]) => Math.ceil(words.length / 4) * 16;

/** Each where a binding may begin. */
export function layOutSizes({ gpu }: WebGpuDevice, composed: Iterable<Composed>): Sizes {
  const align = gpu.limits.minUniformBufferOffsetAlignment;
  const offsets = new Map<readonly number[], number>();
  let bytes = 0;
  for (const { bindings } of composed) {
    for (const binding of bindings) {
      if (binding.kind !== 'uniform') continue;
      offsets.set(binding.words, bytes);
      bytes += Math.ceil(uniformBytes(binding.words) / align) * align;
    }
  }
  const contents = new ArrayBuffer(Math.max(bytes, 16));
  for (const [words, offset] of offsets) new Int32Array(contents, offset, words.length).set(words);
  return { contents, offsets };
}

export function uploadSizes(device: WebGpuDevice, { contents, offsets }: Sizes): Uniforms {
  const usage = BufferUsage.UNIFORM | BufferUsage.COPY_DST;
  const buffer = device.createBuffer(contents.byteLength, usage, 'sizes');
  device.gpu.queue.writeBuffer(buffer, 0, contents);
  return { buffer, offsets };
}
