import type { Parameter } from '../graph/index.ts';
import { paddedBytes } from '../plan/index.ts';
import type { WebGpuDevice } from './device.ts';
import type { Dispatch, Encodable, EncodePass } from './executor.ts';
import { BufferUsage, MAP_READ } from './usage.ts';

/** Browsers round timestamps to 100 µs: a kernel runs again and again until it has taken this long. */
const ENOUGH_MS = 10;
/** More repetitions would show nothing new, also of a kernel that takes less than a microsecond. */
const MAX_REPEATS = 10_000;

/** Parameters that a dispatch gives their next values. */
export const updatedBy = ({ kernels, plan }: Dispatch): Parameter[] =>
  kernels.flatMap(({ stores }) => stores.flatMap((node) => plan.updates.get(node) ?? []));

/** Measures how long passes take: by the GPU's clock, or until they are done where there is none (`timestamp-query`). */
export class Stopwatch {
  readonly #device: WebGpuDevice;
  readonly #encodePass: EncodePass;
  readonly #queries: GPUQuerySet | null;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  constructor(device: WebGpuDevice, encodePass: EncodePass) {
    const { MAP_READ: MAPPABLE, COPY_SRC, COPY_DST, QUERY_RESOLVE } = BufferUsage;
    this.#device = device;
    this.#encodePass = encodePass;
    this.#queries = device.gpu.features.has('timestamp-query')
      ? device.gpu.createQuerySet({ type: 'timestamp', count: 2 })
      : null;
    this.#resolved = device.createBuffer(16, QUERY_RESOLVE | COPY_SRC, 'timestamps');
    this.#staging = device.createBuffer(16, MAPPABLE | COPY_DST, 'timestamps read');
  }

  /** Enqueue a dispatch without timing it. */
  run(dispatch: Encodable): void {
    const encoder = this.#device.gpu.createCommandEncoder();
    this.#encodePass(encoder, [dispatch]);
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  /** Mean ms of a dispatch in one pass of `repeats` of them, or of as many as take `ENOUGH_MS`, after one to warm up. */
  async msPerRun(dispatch: Encodable, repeats?: number): Promise<number> {
    await this.#msOfPass(dispatch, 1);
    if (repeats !== undefined) return (await this.#msOfPass(dispatch, repeats)) / repeats;
    for (let count = 1; ; ) {
      const ms = await this.#msOfPass(dispatch, count);
      if (ms >= ENOUGH_MS || count === MAX_REPEATS) return ms / count;
      const factor = Math.min(Math.max((1.2 * ENOUGH_MS) / ms, 2), 100);
      count = Math.min(Math.ceil(count * factor), MAX_REPEATS);
    }
  }

  async #msOfPass(dispatch: Encodable, count: number): Promise<number> {
    const { gpu } = this.#device;
    const queries = this.#queries;
    const dispatches = new Array<Encodable>(count).fill(dispatch);
    const encoder = gpu.createCommandEncoder();
    if (!queries) {
      this.#encodePass(encoder, dispatches);
      const begin = performance.now();
      gpu.queue.submit([encoder.finish()]);
      await gpu.queue.onSubmittedWorkDone();
      return performance.now() - begin;
    }
    this.#encodePass(encoder, dispatches, {
      timestampWrites: { querySet: queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    encoder.resolveQuerySet(queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, 16);
    gpu.queue.submit([encoder.finish()]);
    try {
      await this.#staging.mapAsync(MAP_READ);
    } catch (error) {
      throw await this.#device.explain(error);
    }
    const [begin, end] = new BigUint64Array(this.#staging.getMappedRange());
    const ms = Number(end! - begin!) / 1e6;
    this.#staging.unmap();
    return ms;
  }

  destroy(): void {
    this.#queries?.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}

/** Values of parameters as they were. */
export class Backup {
  readonly #device: WebGpuDevice;
  readonly #copies = new Map<Parameter, GPUBuffer>();

  constructor(device: WebGpuDevice, parameters: readonly Parameter[]) {
    this.#device = device;
    const { COPY_SRC, COPY_DST } = BufferUsage;
    for (const parameter of parameters)
      this.#copies.set(
        parameter,
        device.createBuffer(paddedBytes(parameter), COPY_SRC | COPY_DST, `${parameter.label} before`),
      );
    this.#copy((encoder, stored, offset, copy) =>
      encoder.copyBufferToBuffer(stored, offset, copy, 0, copy.size),
    );
  }

  /** Give these parameters (default: all) their values back. */
  restore(parameters?: readonly Parameter[]): void {
    this.#copy(
      (encoder, stored, offset, copy) => encoder.copyBufferToBuffer(copy, 0, stored, offset, copy.size),
      parameters,
    );
  }

  #copy(
    encode: (encoder: GPUCommandEncoder, stored: GPUBuffer, offset: number, copy: GPUBuffer) => void,
    parameters: Iterable<Parameter> = this.#copies.keys(),
  ): void {
    const encoder = this.#device.gpu.createCommandEncoder();
    for (const parameter of parameters) {
      const { buffer, offset } = this.#device.storageOf(parameter)!;
      encode(encoder, buffer, offset, this.#copies.get(parameter)!);
    }
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const copy of this.#copies.values()) copy.destroy();
  }
}
