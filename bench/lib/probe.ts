// Buffers, kernels and times on a device of WebGPU, for kernels that are written by hand.

export const range = (count: number) => Array.from({ length: count }, (_, i) => i);
export const rounded = (value: number) => Number(value.toFixed(3));

/** A device with the few things that each measurement repeats. */
export class Probe {
  readonly device: GPUDevice;

  constructor(device: GPUDevice) {
    this.device = device;
  }

  buffer(bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    return this.device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST });
  }

  /** A kernel with the buffers of its bindings 0, 1, … */
  async kernel(code: string, buffers: GPUBuffer[]): Promise<Kernel> {
    const module = this.device.createShaderModule({ code });
    const pipeline = await this.device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    return { pipeline, buffers, bindings: this.bind(pipeline, buffers) };
  }

  bind(pipeline: GPUComputePipeline, buffers: GPUBuffer[]): GPUBindGroup {
    return this.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
  }

  submit(encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.device.createCommandEncoder();
    encode(encoder);
    this.device.queue.submit([encoder.finish()]);
  }

  /** One pass of its own. */
  dispatch(
    encoder: GPUCommandEncoder,
    { pipeline, bindings }: Kernel,
    workgroups: Workgroups,
    times = 1,
  ): void {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(...workgroups);
    pass.end();
  }

  /** Shortest ms of `repeats` runs of `enqueue` until the queue is empty, after one run to warm up. */
  async shortest(enqueue: () => void, repeats = 5): Promise<number> {
    return Math.min(...(await this.times(enqueue, repeats)));
  }

  async times(enqueue: () => void, repeats: number): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i <= repeats; i++) {
      const begin = performance.now();
      enqueue();
      await this.device.queue.onSubmittedWorkDone();
      times.push(performance.now() - begin);
    }
    return times.slice(1);
  }

  async read(buffer: GPUBuffer): Promise<Float32Array> {
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const staging = this.device.createBuffer({ size: buffer.size, usage: MAP_READ | COPY_DST });
    this.submit((encoder) => encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size));
    await staging.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return values;
  }
}

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly buffers: GPUBuffer[];
  readonly bindings: GPUBindGroup;
}
export type Workgroups = [x: number, y?: number];
