// What a compiled step asks of WebGPU, call by call, and how it behaves at the edges: order, reads, limits, loss.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  add,
  argmax,
  compile,
  constant,
  conv2d,
  cpu,
  DeviceError,
  DeviceLostError,
  exp,
  ExpiredValueError,
  f32,
  fill,
  floor,
  grad,
  hostScalar,
  i32,
  matmul,
  mul,
  nn,
  OutOfMemoryError,
  optim,
  Parameter,
  print,
  reshape,
  ShapeError,
  sin,
  slice,
  stack,
  sub,
  sum,
  tanh,
  transpose,
  webgpu,
  type Device,
  type Tensor,
  type TypedArray,
  type WebGpuDevice,
} from '../../src/index.ts';
import { topologicalOrder } from '../../src/graph/index.ts';
import { batchFor, cnnStep, mlpStep, normals, parameter } from '../programs.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 120_000 });

// --- Counting ----------------------------------------------------------------------------------

interface Calls {
  submit: number;
  writeBuffer: number;
  computePasses: number;
  dispatches: number;
  copies: number;
  createBuffer: number;
  createBindGroup: number;
  createShaderModule: number;
  createPipeline: number;
  encoders: number;
  /** Bytes asked for with createBuffer. */
  bytes: number;
}
const none = (): Calls => ({
  submit: 0,
  writeBuffer: 0,
  computePasses: 0,
  dispatches: 0,
  copies: 0,
  createBuffer: 0,
  createBindGroup: 0,
  createShaderModule: 0,
  createPipeline: 0,
  encoders: 0,
  bytes: 0,
});
let calls = none();
const liveBuffers = new Set<GPUBuffer>();
const restore: (() => void)[] = [];

/** Run `after` with the arguments and the result of each call of a method. */
function watch<T extends object, K extends keyof T>(
  prototype: T,
  method: K,
  after: (args: readonly unknown[], result: unknown) => void,
): void {
  const original = prototype[method] as (...args: unknown[]) => unknown;
  prototype[method] = function (this: T, ...args: unknown[]) {
    const result = original.apply(this, args);
    after(args, result);
    return result;
  } as T[K];
  restore.push(() => (prototype[method] = original as T[K]));
}

beforeEach(() => {
  calls = none();
  liveBuffers.clear();
  watch(GPUQueue.prototype, 'submit', () => calls.submit++);
  watch(GPUQueue.prototype, 'writeBuffer', () => calls.writeBuffer++);
  watch(GPUDevice.prototype, 'createCommandEncoder', () => calls.encoders++);
  watch(GPUCommandEncoder.prototype, 'beginComputePass', () => calls.computePasses++);
  watch(GPUCommandEncoder.prototype, 'copyBufferToBuffer', () => calls.copies++);
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => calls.dispatches++);
  watch(GPUDevice.prototype, 'createBuffer', ([descriptor], buffer) => {
    calls.createBuffer++;
    calls.bytes += (descriptor as GPUBufferDescriptor).size;
    liveBuffers.add(buffer as GPUBuffer);
  });
  watch(GPUDevice.prototype, 'createBindGroup', () => calls.createBindGroup++);
  watch(GPUDevice.prototype, 'createShaderModule', () => calls.createShaderModule++);
  watch(GPUDevice.prototype, 'createComputePipeline', () => calls.createPipeline++);
  watch(GPUDevice.prototype, 'createComputePipelineAsync', () => calls.createPipeline++);
  const destroy = GPUBuffer.prototype.destroy;
  GPUBuffer.prototype.destroy = function () {
    liveBuffers.delete(this);
    return destroy.call(this);
  };
  restore.push(() => (GPUBuffer.prototype.destroy = destroy));
});
afterEach(() => {
  for (const undo of restore.splice(0).reverse()) undo();
});

/** Let everything happen that waits for nothing but its turn. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Calls made by `run`. */
async function callsOf(run: () => Promise<unknown>): Promise<Calls> {
  calls = none();
  await run();
  return calls;
}

let device: WebGpuDevice;
beforeEach(async () => {
  device = await webgpu();
});
afterEach(() => device.destroy());

const smallMlp = () => mlpStep({ batch: 16, sizes: [20, 12, 10] });
const smallCnn = () => cnnStep({ batch: 4, size: 8, channels: [4, 8], hidden: 12 });
const bytesIn = (text: string) => Number(/(\d+) bytes without parameters/.exec(text)![1]);

describe('a step', () => {
  test.each([
    ['MLP', smallMlp],
    ['CNN', smallCnn],
  ])('of the %s is one upload, one pass and one submit, and creates nothing', async (_, make) => {
    const { signature, fn } = make();
    const step = await compile(device, signature, fn);
    const data = batchFor(signature);
    await (await step(data)).loss.item();
    const dispatches = print(step).match(/^\d+: /gm)!.length;
    for (let i = 0; i < 5; i++) {
      const made = await callsOf(() => step(data));
      expect(made).toEqual({
        ...none(),
        submit: 1,
        writeBuffer: 1,
        computePasses: 1,
        dispatches,
        copies: 1,
        encoders: 1,
      });
    }
    const read = await callsOf(async () => (await step(data)).loss.item());
    expect(read.submit, 'reading takes no submit of its own').toBe(1);
  });

  test('prints the bytes that it asked createBuffer for', async () => {
    for (const make of [smallMlp, smallCnn]) {
      const { signature, fn } = make();
      await compile(device, signature, fn); // gives the parameters their buffers
      let text = '';
      const { bytes } = await callsOf(async () => (text = print(await compile(device, signature, fn))));
      expect(bytesIn(text)).toBe(bytes);
    }
    let text = '';
    const { bytes } = await callsOf(async () => {
      const step = await compile(device, { x: f32(7, 3) }, ({ x }) => ({
        outputs: { y: matmul(x, constant(normals(6), [3, 2])), z: hostScalar('z', () => 1) },
      }));
      text = print(step);
    });
    expect(bytesIn(text), 'constants count').toBe(bytes);
  });

  test('takes, with its parameters, the bytes that it asked createBuffer for', async () => {
    for (const make of [smallMlp, smallCnn]) {
      const { signature, fn } = make();
      const parameters = new Set<Parameter>(); // and moments
      const build = vi.spyOn(device, 'build').mockImplementation((program) => {
        for (const node of topologicalOrder(program.updates.flat()))
          if (node instanceof Parameter) parameters.add(node);
        build.mockRestore();
        return device.build(program);
      });
      let planned = 0;
      const { bytes } = await callsOf(async () => {
        planned = (await compile(device, signature, fn)).stats!.bytes;
      });
      const arenas = new Set([...parameters].map((parameter) => device.storageOf(parameter)!.buffer));
      const stored = [...arenas].reduce((sum, { size }) => sum + size, 0);
      expect(planned + stored).toBe(bytes);
    }
  });

  test('compiled a second time makes no shader and no pipeline', async () => {
    const { signature, fn } = smallMlp();
    await compile(device, signature, fn);
    const again = await callsOf(() => compile(device, signature, fn));
    expect([again.createShaderModule, again.createPipeline]).toEqual([0, 0]);
    expect(again.createBindGroup).toBeGreaterThan(0);
  });

  test('of another leading size shares the shaders that do not depend on it', async () => {
    const { signature, fn } = smallMlp();
    const step = await compile(device, signature, fn);
    const data = batchFor({ x: f32(32, 20) });
    const first = await callsOf(() => step(data));
    expect(first.createPipeline).toBeLessThan(print(step).match(/^\d+: /gm)!.length / 2);
    expect((await callsOf(() => step(data))).createBuffer).toBe(0);
  });

  test('keeps at most three of its runs in flight, also when nobody reads', async () => {
    const step = await compile(device, { x: f32(64, 64) }, ({ x }) => ({
      outputs: { y: sum(matmul(x, x)) },
    }));
    let [flying, most] = [0, 0];
    // a run is over when its staging buffer has been mapped
    watch(GPUBuffer.prototype, 'mapAsync', (_, mapped) => {
      most = Math.max(most, ++flying);
      const over = () => flying--;
      void (mapped as Promise<void>).then(over, over);
    });
    await Promise.all(Array.from({ length: 12 }, () => step({ x: new Float32Array(64 * 64) })));
    expect(most).toBe(3);
  });
});

describe('reads', () => {
  test('of a metric wait for its own step and for nothing else', async () => {
    const { signature, fn } = smallMlp();
    const step = await compile(device, signature, fn);
    const data = batchFor(signature);
    await (await step(data)).loss.item();
    let [maps, waits] = [0, 0];
    watch(GPUBuffer.prototype, 'mapAsync', () => maps++);
    watch(GPUQueue.prototype, 'onSubmittedWorkDone', () => waits++);
    watch(GPUDevice.prototype, 'popErrorScope', () => waits++);
    for (let i = 0; i < 8; i++) {
      const { loss } = await step(data);
      if (i % 4 === 3) await loss.item();
    }
    // each step's outputs are mapped when it is done, whether somebody reads them or not
    expect({ maps, waits }).toEqual({ maps: 8, waits: 0 });
  });

  const double = (on: Device) =>
    compile(on, { x: f32(1) }, ({ x }) => ({ outputs: { y: mul(x, 2), z: add(x, 1) } }));

  test('a value asked for after three later steps has expired, one asked for in time has not', async () => {
    const step = await double(device);
    const values = [];
    for (let i = 0; i < 4; i++) values.push(await step({ x: Float32Array.of(i) }));
    await expect(values[0]!.y.data()).rejects.toThrow(ExpiredValueError);
    await expect(values[0]!.z.item()).rejects.toThrow('Read a value before enqueueing 3 more steps');
    for (const i of [3, 1, 2]) {
      expect(await values[i]!.y.item()).toBe(2 * i);
      expect(await values[i]!.z.item()).toBe(i + 1);
    }
  });

  test('nobody has to wait for them: each resolves with the values of its own step', async () => {
    const step = await double(device);
    const reads: Promise<number>[] = [];
    for (let i = 0; i < 20; i++) {
      const { y, z } = await step({ x: Float32Array.of(i) });
      reads.push(y.item(), z.item());
    }
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 20 }, (_, i) => [2 * i, i + 1]).flat());
  });

  test('a value that was read stays readable', async () => {
    const step = await double(device);
    const { y } = await step({ x: Float32Array.of(7) });
    expect(await y.item()).toBe(14);
    for (let i = 0; i < 5; i++) await step({ x: Float32Array.of(i) });
    expect(await y.item()).toBe(14);
  });

  test('a value of a plan that made room for others has expired', async () => {
    const step = await compile(device, { x: f32(1) }, ({ x }) => ({ outputs: { y: sum(x) } }));
    const { y } = await step({ x: new Float32Array(1) });
    for (let rows = 2; rows <= 5; rows++) await step({ x: new Float32Array(rows) });
    await expect(y.data()).rejects.toThrow(ExpiredValueError);
  });
});

describe('order', () => {
  /** p becomes 10 p + Σ x: its digits tell the order of the steps. */
  const appender = (on: Device, p: Parameter) =>
    compile(on, { x: f32(1) }, ({ x }) => ({
      outputs: { before: p },
      updates: [[p, add(mul(p, 10), sum(x))]],
    }));

  test('steps called without waiting run in the order of the calls', async () => {
    const p = parameter('p', [], [0]);
    const append = await appender(device, p);
    await Promise.all([1, 2, 3, 4, 5, 6].map((x) => append({ x: Float32Array.of(x) })));
    expect([...(await p.read(device))]).toEqual([123456]);
  });

  test('also when one of them has a size that is compiled first', async () => {
    const p = parameter('p', [], [0]);
    const append = await appender(device, p);
    await Promise.all([[1], [1, 1], [3], [1, 1, 2]].map((x) => append({ x: Float32Array.from(x) })));
    expect([...(await p.read(device))]).toEqual([1234]);
  });

  test('also across two compiled steps', async () => {
    const p = parameter('p', [], [0]);
    const [append, reset] = [await appender(device, p), await appender(device, p)];
    const order = [append, append, append, append, reset, append];
    await Promise.all(order.map((step, i) => step({ x: Float32Array.of(i + 1) })));
    expect([...(await p.read(device))]).toEqual([123456]);
  });
});

describe('outputs', () => {
  test('may be views, inputs, parameters, constants, fills and host scalars, and come in C order', async () => {
    const p = parameter('p', [2, 3], [1, 2, 3, 4, 5, 6]);
    const program = ({ x }: { readonly x: Tensor }) => {
      const [a, b] = [hostScalar('a', () => 0.25), hostScalar('b', () => 0.5)];
      return {
        outputs: {
          x,
          transposed: transpose(x),
          column: slice(x, [null, [1, 2]]),
          p,
          turned: transpose(p),
          c: constant([7, 8]),
          flat: fill(9, [3]),
          a,
          b,
          both: stack([a, b]),
          product: matmul(reshape(b, [1, 1]), reshape(x, [1, 6])),
          again: x,
        },
        updates: [[p, mul(p, 2)]] as const,
      };
    };
    const results = [];
    for (const on of [device, cpu()]) {
      const step = await compile(on, { x: f32(2, 3) }, program);
      await step({ x: Float32Array.of(6, 5, 4, 3, 2, 1) });
      const out = await step({ x: Float32Array.of(1, 2, 3, 4, 5, 6) });
      const values = await Promise.all(
        Object.entries(out).map(async ([name, value]) => [name, value.shape, await value.data()] as const),
      );
      results.push(values);
    }
    expect(results[0]).toEqual(results[1]);
  });

  test('a step without outputs and without inputs runs', async () => {
    const p = parameter('p', [], [1]);
    const step = await compile(device, {}, () => ({ outputs: {}, updates: [[p, mul(p, 2)]] }));
    for (let i = 0; i < 5; i++) await step({});
    expect([...(await p.read(device))]).toEqual([32]);
  });
});

describe('parameters', () => {
  test('the same seed gives the same bits: losses, weights and random draws', async () => {
    async function run() {
      const gpu = await webgpu();
      const model = new nn.Sequential(
        new nn.Conv2d(1, 4, 3),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Dropout(0.3),
        new nn.Linear(4 * 9, 10),
      );
      const optimizer = new optim.Adam(model.parameters(), { lr: 1e-2 });
      const signature = { x: f32(8, 1, 8, 8), y: i32(8) };
      const step = await compile(
        gpu,
        signature,
        ({ x, y }) => {
          const loss = nn.crossEntropy(model.forward(x), y);
          return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
        },
        { seed: 11 },
      );
      const bits: Uint32Array[] = [];
      const bitsOf = (data: TypedArray) => new Uint32Array(data.buffer, data.byteOffset, data.length);
      for (let i = 0; i < 8; i++) bits.push(bitsOf(await (await step(batchFor(signature))).loss.data()));
      for (const p of [...model.parameters(), ...optimizer.state().values()])
        bits.push(bitsOf(await p.read(gpu)));
      gpu.destroy();
      return bits.map((words) => [...words]);
    }
    expect(await run()).toEqual(await run());
  });

  test('a convolution’s weights are read and written in their declared order, whatever they are stored in', async () => {
    const values = normals(4 * 3 * 2 * 5);
    const w = parameter('w', [4, 3, 2, 5], values);
    const step = await compile(device, { x: f32(1, 3, 6, 8) }, ({ x }) => {
      const y = conv2d(x, w);
      return { outputs: { y }, updates: [[w, sub(w, mul(grad(sum(y), [w])[0]!, 0))]] };
    });
    expect(device.storageOf(w)!.order).toEqual([2, 3, 1, 0]);
    expect(await w.read(device)).toEqual(values);
    const x = normals(3 * 48, 2);
    await step({ x });
    expect(await w.read(device), 'after an update').toEqual(values);
    const other = normals(values.length, 3);
    await w.write(device, other);
    expect(await w.read(device)).toEqual(other);
    const fresh = parameter('w', [4, 3, 2, 5], other);
    const reference = await compile(cpu(), { x: f32(1, 3, 6, 8) }, (inputs) => ({
      outputs: { y: conv2d(inputs.x, fresh) },
    }));
    const [got, expected] = [(await step({ x })).y, (await reference({ x })).y];
    const wanted = await expected.data();
    // 18 to 30 products of normals, summed in float32
    (await got.data()).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 4));
  });

  test('reading and writing one that no step uses is an error', async () => {
    const p = parameter('lonely', [2], [1, 2]);
    const message = 'expected a parameter that a step compiled for this device uses';
    await expect((async () => p.read(device))()).rejects.toThrow(`lonely.read: ${message}`);
    await expect(p.write(device, new Float32Array(2))).rejects.toThrow(`lonely.write: ${message}`);
    await compile(device, {}, () => ({ outputs: { p } }));
    await expect(p.write(device, new Float32Array(3))).rejects.toThrow(
      'lonely.write: expected 2 elements of f32',
    );
    await expect(p.write(device, new Int32Array(2))).rejects.toThrow(
      'lonely.write: expected 2 elements of f32',
    );
  });

  test('two steps that share a parameter see each other’s updates, compiled at once', async () => {
    const p = parameter('p', [3], [1, 2, 3]);
    const [double, read] = await Promise.all([
      compile(device, {}, () => ({ outputs: {}, updates: [[p, mul(p, 2)]] })),
      compile(device, {}, () => ({ outputs: { p } })),
    ]);
    await double({});
    await double({});
    expect([...(await (await read({})).p.data())]).toEqual([4, 8, 12]);
  });
});

describe('memory', () => {
  test('release frees the buffers of every plan and leaves the parameters', async () => {
    const { signature, fn, model } = smallMlp();
    const step = await compile(device, signature, fn);
    await step(batchFor(signature));
    await step(batchFor({ x: f32(8, 20) }));
    const before = liveBuffers.size;
    const weight = await model.parameters()[0]!.read(device);
    step.release();
    await turn();
    const states = 3 + 1; // an arena of parameters, two of moments, and the step counter
    expect(before).toBeGreaterThan(states);
    expect(liveBuffers.size).toBe(states);
    expect(await model.parameters()[0]!.read(device)).toEqual(weight);
    await step(batchFor(signature)); // compiles again
    expect(await model.parameters()[0]!.read(device)).not.toEqual(weight);
  });

  test('the plan that has not been used for longest is freed', async () => {
    const step = await compile(device, { x: f32(1) }, ({ x }) => ({ outputs: { y: exp(x) } }));
    const onePlan = liveBuffers.size;
    for (let rows = 2; rows <= 9; rows++) await step({ x: new Float32Array(rows) });
    await turn();
    expect(liveBuffers.size).toBe(4 * onePlan);
  });

  test('destroy frees plans and parameters, also of a GPUDevice that somebody else owns', async () => {
    const adapter = (await navigator.gpu.requestAdapter())!;
    const gpu = await adapter.requestDevice();
    const borrowed = await webgpu({ device: gpu });
    const { signature, fn } = smallMlp();
    const step = await compile(borrowed, signature, fn);
    await (await step(batchFor(signature))).loss.item();
    borrowed.destroy();
    expect(liveBuffers.size).toBe(0);
    const buffer = gpu.createBuffer({ size: 16, usage: 0x80 });
    buffer.destroy();
    gpu.destroy();
  });

  test('memoryLimit refuses a plan that needs more, before it creates anything', async () => {
    const { signature, fn } = smallMlp();
    const made = await callsOf(async () => {
      const failing = compile(device, signature, fn, { memoryLimit: 1000 });
      await expect(failing).rejects.toThrow(OutOfMemoryError);
      await expect(failing).rejects.toThrow(
        'compile: expected a plan of at most 1000 bytes (memoryLimit), got ',
      );
    });
    expect(made.createBuffer).toBe(0);
    const needed = bytesIn(print(await compile(device, signature, fn)));
    await compile(device, signature, fn, { memoryLimit: needed });
    await expect(compile(device, signature, fn, { memoryLimit: needed - 1 })).rejects.toThrow(
      OutOfMemoryError,
    );
  });

  test('a tensor without elements is refused when the plan is built', async () => {
    const failing = compile(device, { x: f32(4) }, ({ x }) => ({ outputs: { y: exp(slice(x, [[2, 2]])) } }));
    await expect(failing).rejects.toThrow(ShapeError);
    await expect(failing).rejects.toThrow('expected tensors with at least one element, got [0]');
  });

  /** A device that says its adapter holds no more than `bytes` in a binding. */
  async function smallDevice(bytes: number) {
    const gpu = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const limits = new Proxy(gpu.limits, {
      get: (target, name) =>
        name === 'maxStorageBufferBindingSize' ? bytes : (Reflect.get(target, name, target) as unknown),
    });
    const small = new Proxy(gpu, {
      get(target, name) {
        if (name === 'limits') return limits;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    return { gpu, device: await webgpu({ device: small }) };
  }

  test('a tensor beyond the binding limit is refused when the plan is built, and leaves nothing behind', async () => {
    const { gpu, device: small } = await smallDevice(4096);
    const fits = await compile(small, { x: f32(16, 16) }, ({ x }) => ({
      outputs: { y: sum(tanh(matmul(x, x))) },
    }));
    const before = liveBuffers.size;
    for (const fn of [
      ({ x }: { readonly x: Tensor }) => ({
        outputs: { y: sum(sin(matmul(reshape(x, [128, 2]), reshape(x, [2, 128])))) },
      }),
      () => ({ outputs: { y: sum(parameter('large', [2000], new Float32Array(2000))) } }),
    ]) {
      const failing = compile(small, { x: f32(16, 16) }, fn);
      await expect(failing).rejects.toThrow(OutOfMemoryError);
      await expect(failing).rejects.toThrow(
        /webgpu: expected at most 4096 bytes in one buffer .*, got \d+ for /,
      );
    }
    await expect(
      compile(small, { x: f32(1000, 20) }, ({ x }) => ({ outputs: { y: sum(x) } })),
    ).rejects.toThrow(OutOfMemoryError);
    expect(liveBuffers.size).toBe(before);
    expect(await (await fits({ x: new Float32Array(256) })).y.item()).toBe(0);
    small.destroy();
    gpu.destroy();
  });
});

describe('more than 65,535 workgroups', () => {
  const BORDER = 65_535 * 64; // invocations in a full row of workgroups

  test('of elementwise work', async () => {
    const size = 4 * BORDER + 1003;
    const x = new Float32Array(size);
    for (let i = 0; i < size; i += 16) x[i] = 1;
    const marks = [0, 1, 4 * BORDER - 1, 4 * BORDER, 4 * BORDER + 1, size - 2, size - 1];
    marks.forEach((at, i) => (x[at] = i + 2));
    const step = await compile(device, { x: f32(size) }, (inputs) => {
      const y = floor(mul(inputs.x, 2)); // whole numbers: sums are exact
      return {
        outputs: {
          marks: stack(marks.map((at) => reshape(slice(y, [[at, at + 1]]), []))),
          total: sum(y),
        },
      };
    });
    const out = await step({ x });
    expect([...(await out.marks.data())]).toEqual(marks.map((_, i) => 2 * (i + 2)));
    expect(await out.total.item()).toBe(2 * x.reduce((a, b) => a + b));
  });

  test('of sums, winners and products of rows', async () => {
    const rows = BORDER + 101;
    const x = new Float32Array(2 * rows);
    const marks = [0, 1, BORDER - 1, BORDER, BORDER + 1, rows - 1];
    marks.forEach((row, i) => {
      x[2 * row] = i;
      x[2 * row + 1] = 2 * i - 4;
    });
    const step = await compile(device, { x: f32(rows, 2) }, (inputs) => {
      const pick = (y: Tensor) =>
        stack(marks.map((row) => reshape(slice(reshape(y, [rows]), [[row, row + 1]]), [])));
      return {
        outputs: {
          sums: pick(sum(inputs.x, { axes: 1 })),
          winners: pick(argmax(inputs.x, 1)),
          products: pick(matmul(inputs.x, constant([10, 1], [2, 1]))),
        },
      };
    });
    const { sums, winners, products } = await step({ x });
    expect([...(await sums.data())]).toEqual(marks.map((_, i) => 3 * i - 4));
    expect([...(await winners.data())]).toEqual(marks.map((_, i) => (i > 4 ? 1 : 0)));
    expect([...(await products.data())]).toEqual(marks.map((_, i) => 12 * i - 4));
  });
});

describe('a device', () => {
  test('that is lost rejects pending reads and later steps, and says what to do', async () => {
    const { signature, fn, model } = smallMlp();
    const step = await compile(device, signature, fn);
    const data = batchFor(signature);
    await (await step(data)).loss.item();
    const { loss } = await step(data);
    const pending = loss.data();
    device.gpu.destroy();
    await expect(pending).rejects.toThrow(DeviceLostError);
    await expect(step(data)).rejects.toThrow(DeviceLostError);
    await expect(step(data)).rejects.toThrow('Make a new device and write the parameters you saved');
    await expect((async () => model.parameters()[0]!.read(device))()).rejects.toThrow(DeviceLostError);
    await expect(compile(device, signature, fn)).rejects.toThrow(DeviceLostError);
  });

  test('that is lost between a step and its read rejects the read', async () => {
    const step = await compile(device, { x: f32(4) }, ({ x }) => ({ outputs: { y: exp(x) } }));
    const { y } = await step({ x: new Float32Array(4) });
    device.destroy();
    await expect(y.data()).rejects.toThrow(DeviceLostError);
  });

  test('that is lost while steps wait for their turn rejects them all', async () => {
    const step = await compile(device, { x: f32(4) }, ({ x }) => ({ outputs: { y: exp(x) } }));
    const steps = Array.from({ length: 8 }, () => step({ x: new Float32Array(4) }));
    device.gpu.destroy();
    const settled = await Promise.allSettled(steps);
    const values = await Promise.allSettled(
      settled.map(async (result) =>
        result.status === 'fulfilled' ? result.value.y.data() : Promise.reject(result.reason as Error),
      ),
    );
    for (const value of values)
      if (value.status === 'rejected')
        expect([DeviceLostError, ExpiredValueError].some((kind) => value.reason instanceof kind)).toBe(true);
    expect(values.at(-1)!.status).toBe('rejected');
  });

  test('cannot be had without an adapter', async () => {
    const requestAdapter = vi.spyOn(Object.getPrototypeOf(navigator.gpu) as GPU, 'requestAdapter');
    requestAdapter.mockResolvedValue(null);
    const failing = webgpu();
    await expect(failing).rejects.toThrow(DeviceError);
    await expect(failing).rejects.toThrow('webgpu: expected a GPU adapter, got none.');
    requestAdapter.mockRestore();
  });

  test('that the adapter refuses is reported with the reason', async () => {
    const requestDevice = vi.spyOn(GPUAdapter.prototype, 'requestDevice');
    requestDevice.mockRejectedValue(new TypeError('no more devices'));
    await expect(webgpu()).rejects.toThrow(DeviceError);
    await expect(webgpu()).rejects.toThrow('no more devices');
    requestDevice.mockRestore();
  });
});
