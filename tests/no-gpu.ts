// A GPUDevice that computes nothing: what the host does to compile a step and to enqueue it, without a driver's part.

/** What the device was asked for. */
export interface Asked {
  /** Bytes of each buffer. */
  readonly buffers: number[];
  bindGroups: number;
}

/**
 * For `webgpu({ device })`. Steps can be compiled and called; their results are zeros.
 *
 * @param stepDone settles when a step is done; default at once
 */
export function noGpu(stepDone: () => Promise<void> = () => Promise.resolve()): {
  device: GPUDevice;
  asked: Asked;
} {
  const asked: Asked = { buffers: [], bindGroups: 0 };
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} };
  const encoder = { beginComputePass: () => pass, copyBufferToBuffer() {}, finish: () => ({}) };
  const device = {
    features: new Set<string>(),
    adapterInfo: { vendor: '', architecture: 'swiftshader', description: 'no GPU' },
    lost: new Promise(() => {}),
    limits: {
      maxStorageBuffersPerShaderStage: 10,
      minUniformBufferOffsetAlignment: 256,
      minStorageBufferOffsetAlignment: 256,
      maxBufferSize: 2 ** 31,
      maxStorageBufferBindingSize: 2 ** 31 - 4,
    },
    queue: { writeBuffer() {}, submit() {} },
    createBuffer({ size }: GPUBufferDescriptor) {
      asked.buffers.push(size);
      return {
        size,
        mapAsync: stepDone,
        getMappedRange: () => new ArrayBuffer(size),
        unmap() {},
        destroy() {},
      };
    },
    createBindGroup: () => ({ number: asked.bindGroups++ }),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createShaderModule: () => ({}),
    createComputePipelineAsync: () => Promise.resolve({}),
    createCommandEncoder: () => encoder,
    pushErrorScope() {},
    popErrorScope: () => Promise.resolve(null),
    destroy() {},
  };
  return { device: device as unknown as GPUDevice, asked };
}
