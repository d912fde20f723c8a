import {
  BYTES_PER_ELEMENT,
  newArray,
  Parameter,
  type Inspections,
  type Ran,
  type Tensor,
  type TypedArray,
} from '../graph/index.ts';
import { describeKernel, readsOf, type Loop, type Plan } from '../plan/index.ts';
import type { WebGpuDevice } from './device.ts';
import type { Encodable, EncodePass } from './executor.ts';
import { resolveInLoop, timeOf, type Resolve } from './places.ts';

/** What it takes to run a plan kernel by kernel. */
export interface CheckedPlan {
  readonly device: WebGpuDevice;
  readonly plan: Plan;
  readonly inspect: Inspections;
  readonly resolve: Resolve;
  /** Those of the plan in order, loops run out. */
  readonly dispatches: readonly Encodable[];
  readonly encodePass: EncodePass;
}

/** What is left of it to run. */
type Running = Omit<CheckedPlan, 'dispatches'> & { readonly dispatches: Iterator<Encodable> };

/** Values as they lie in buffers, each from when it was stored: not from when a later kernel reads it. */
type Values = Map<Tensor, TypedArray>;

/**
 * Run one step kernel by kernel. After each, what it has stored is read back and inspected, together with what it had to
 * read. When an inspection throws, parameters get their old values back.
 *
 * @param scalars the values of host scalars
 * @param inputs those of inputs by name
 */
export async function runChecked(
  { dispatches, ...rest }: CheckedPlan,
  scalars: ReadonlyMap<Tensor, TypedArray>,
  inputs: ReadonlyMap<string, TypedArray>,
): Promise<void> {
  const checked: Running = { ...rest, dispatches: dispatches.values() };
  const { device, plan, resolve } = checked;
  const values: Values = new Map(scalars);
  const parameters = new Set<Parameter>(plan.updates.values());
  for (const node of plan.order) {
    if (node instanceof Parameter) parameters.add(node);
    if (node.op.name === 'constant') values.set(node, node.attrs.data as TypedArray);
    if (node.op.name !== 'input') continue;
    const data = inputs.get(node.attrs.name as string)!;
    values.set(node, node.dtype === 'bool' ? data.map((x) => Number(x !== 0)) : data);
  }
  for (const parameter of parameters) values.set(parameter, await device.read(resolve(parameter), parameter));
  const before = new Map(values);
  try {
    inspectAll(checked, { kernel: null, loopSteps: [], reads: new Map(), stores: declared(device, before) });
    await runPlan(checked, plan, resolve, values, []);
  } catch (error) {
    for (const parameter of plan.updates.values()) {
      const { buffer, offset } = resolve(parameter);
      device.gpu.queue.writeBuffer(buffer, offset ?? 0, before.get(parameter)! as Float32Array<ArrayBuffer>);
    }
    throw error;
  }
}

async function runPlan(
  checked: Running,
  plan: Plan,
  resolve: Resolve,
  values: Values,
  loopSteps: readonly number[],
): Promise<void> {
  const { device, dispatches, encodePass } = checked;
  for (const kernel of plan.kernels) {
    const loop = plan.loops.get(kernel);
    if (loop) {
      await runLoop(checked, loop, resolve, values, loopSteps);
      continue;
    }
    const encoder = device.gpu.createCommandEncoder();
    encodePass(encoder, [dispatches.next().value as Encodable]);
    device.gpu.queue.submit([encoder.finish()]);
    const stores = new Map(
      await Promise.all(
        kernel.stores.map(async (node) => [node, await device.read(resolve(node), node)] as const),
      ),
    );
    const reads = new Map(readsOf(kernel, plan.views).map((node) => [node, values.get(node)!] as const));
    inspectAll(checked, {
      kernel: describeKernel(kernel),
      loopSteps,
      reads: declared(device, reads),
      stores,
    });
    for (const [node, data] of stores) values.set(node, data);
  }
}

async function runLoop(
  checked: Running,
  loop: Loop,
  resolve: Resolve,
  values: Values,
  loopSteps: readonly number[],
): Promise<void> {
  const { body, steps } = loop;
  for (const { part } of loop.stacks) values.set(part, newArray(part.dtype, part.size));
  let carries = loop.carries.map(({ initial }) => values.get(initial)!);
  for (let step = 0; step < steps; step++) {
    const t = timeOf(loop, step);
    // A value may begin with what is bound: a buffer, or a slice of it.
    const inside: Values = new Map(
      loop.carries.map(({ inside: node }, i) => [node, carries[i]!.subarray(0, node.size)]),
    );
    for (const { inside: node, outside, pitch } of loop.inputs) {
      const start = (t * pitch) / BYTES_PER_ELEMENT;
      inside.set(node, values.get(outside)!.subarray(start, start + node.size));
    }
    await runPlan(checked, body, resolveInLoop(loop, step, resolve), inside, [...loopSteps, t]);
    for (const { inside: node, part, pitch } of loop.stacks)
      values.get(part)!.set(inside.get(node)!, (t * pitch) / BYTES_PER_ELEMENT);
    carries = loop.carries.map(({ next }) => inside.get(next)!);
  }
  loop.carries.forEach(({ last }, i) => 'op' in last && values.set(last, carries[i]!));
}

function inspectAll({ inspect, plan }: Running, ran: Omit<Ran, 'updates'>): void {
  for (const look of [inspect.values, inspect.computed]) look?.({ ...ran, updates: plan.updates });
}

/** The same with parameters in their declared axis order. */
function declared(device: WebGpuDevice, values: ReadonlyMap<Tensor, TypedArray>): Map<Tensor, TypedArray> {
  return new Map(
    [...values].map(([node, data]) => [
      node,
      node instanceof Parameter ? device.inDeclaredOrder(node, data) : data,
    ]),
  );
}
