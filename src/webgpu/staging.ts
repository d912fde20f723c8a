import {
  arrayOver,
  ArgumentError,
  BYTES_PER_ELEMENT,
  ExpiredValueError,
  type DType,
  type Shape,
  type Tensor,
  type TypedArray,
  type Value,
} from '../graph/index.ts';
import type { WebGpuDevice } from './device.ts';
import { BufferUsage, MAP_READ } from './usage.ts';

/** Steps that may be in flight: as many staging buffers, so that reading never stalls the next step. */
const RING = 3;

/** One staging buffer: the outputs of one step, mapped as soon as the step is done. */
interface Slot {
  readonly buffer: GPUBuffer;
  /** Counts uses: a value of an earlier use has expired. */
  use: number;
  mapped: Promise<void> | null;
  /** The mapped bytes; a buffer hands them out once per mapping. */
  range: ArrayBuffer | null;
}

/** Where the outputs of a plan are read from: a ring of mappable buffers. */
export class StagingRing {
  readonly #device: WebGpuDevice;
  readonly #slots: Slot[];
  #next = 0;

  /** @param bytes of all outputs together */
  constructor(device: WebGpuDevice, bytes: number) {
    this.#device = device;
    // A plan without outputs still maps something: that is how the steps in flight are counted.
    const size = Math.max(bytes, BYTES_PER_ELEMENT);
    const usage = BufferUsage.MAP_READ | BufferUsage.COPY_DST;
    this.#slots = Array.from({ length: RING }, () => ({
      buffer: device.createBuffer(size, usage, 'staging'),
      use: 0,
      mapped: null,
      range: null,
    }));
  }

  static bytes(outputBytes: number): number {
    return RING * Math.max(outputBytes, BYTES_PER_ELEMENT);
  }

  /** Wait until the step that used the next buffer is done, and take it over. */
  async acquire(): Promise<Slot> {
    const slot = this.#slots[this.#next]!;
    this.#next = (this.#next + 1) % RING;
    if (slot.mapped) {
      await slot.mapped;
      slot.buffer.unmap();
      slot.mapped = null;
      slot.range = null;
    }
    slot.use++;
    return slot;
  }

  /** Ask for the buffer's contents; call after the submit that fills it. */
  map(slot: Slot): void {
    slot.mapped = slot.buffer.mapAsync(MAP_READ);
    slot.mapped.catch(() => {}); // reported by whoever waits for it
  }

  /** A handle to one output of the step that owns `slot` now. */
  value(slot: Slot, node: Tensor, offset: number): Value {
    return new StagedValue(this.#device, slot, node, offset);
  }

  destroy(): void {
    for (const slot of this.#slots) {
      slot.use++; // what was not read yet has expired
      slot.buffer.destroy();
    }
  }
}

export type { Slot };

class StagedValue implements Value {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly #device: WebGpuDevice;
  readonly #slot: Slot;
  readonly #use: number;
  readonly #offset: number;
  readonly #bytes: number;
  #data: Promise<TypedArray> | null = null;

  constructor(device: WebGpuDevice, slot: Slot, node: Tensor, offset: number) {
    this.shape = node.shape;
    this.dtype = node.dtype;
    this.#device = device;
    this.#slot = slot;
    this.#use = slot.use;
    this.#offset = offset;
    this.#bytes = node.size * BYTES_PER_ELEMENT;
  }

  data(): Promise<TypedArray> {
    return (this.#data ??= this.#read());
  }

  async item(): Promise<number> {
    if (this.#bytes !== BYTES_PER_ELEMENT)
      throw new ArgumentError(
        'item',
        'an output of one element',
        `${this.#bytes / BYTES_PER_ELEMENT} elements`,
      );
    return (await this.data())[0]!;
  }

  async #read(): Promise<TypedArray> {
    this.#requireCurrent();
    try {
      await this.#slot.mapped;
    } catch (error) {
      this.#requireCurrent();
      throw await this.#device.explain(error);
    }
    this.#requireCurrent(); // a step may have been waiting for the same buffer
    this.#slot.range ??= this.#slot.buffer.getMappedRange();
    return arrayOver(this.dtype, this.#slot.range.slice(this.#offset, this.#offset + this.#bytes));
  }

  #requireCurrent(): void {
    if (this.#slot.use === this.#use) return;
    this.#device.requireAlive();
    throw new ExpiredValueError(
      `data: expected to be asked within ${RING} steps, got asked after the staging buffer was reused or its plan freed. Read a value before enqueueing ${RING} more steps.`,
    );
  }
}
